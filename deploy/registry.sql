-- Makes the registry's database, its roles and its logins. Run by a superuser with psql (15 or later), once; again it
-- repairs what differs and changes nothing else:
--
--   psql -X -d postgres -f deploy/registry.sql \
--        -v control_password_file=F -v router_password_file=F -v migrate_password_file=F
--
-- Variables (all optional):
--   database                          leasehold
--   control, router, migrate          names of the logins: leasehold_control, leasehold_router, leasehold_migrate
--   <login>_password_file             its first line is the password, or better its SCRAM-SHA-256 verifier. Without the
--                                     file the login's password is left as it is (none: peer or client certificate)
-- Passwords are read from files, so they are on no command line, and not logged by the server.

\set QUIET on
\set ECHO none
\set ON_ERROR_STOP on
SET client_min_messages = warning;

\if :{?database} \else \set database leasehold \endif
\if :{?control} \else \set control leasehold_control \endif
\if :{?router} \else \set router leasehold_router \endif
\if :{?migrate} \else \set migrate leasehold_migrate \endif

\set control_password ''
\set router_password ''
\set migrate_password ''
\if :{?control_password_file}
    \set control_password `head -n 1 < :'control_password_file'`
    SELECT :'control_password' = '' AS unreadable \gset
    \if :unreadable
        DO $$ BEGIN RAISE EXCEPTION 'control_password_file is missing or empty'; END $$;
    \endif
\endif
\if :{?router_password_file}
    \set router_password `head -n 1 < :'router_password_file'`
    SELECT :'router_password' = '' AS unreadable \gset
    \if :unreadable
        DO $$ BEGIN RAISE EXCEPTION 'router_password_file is missing or empty'; END $$;
    \endif
\endif
\if :{?migrate_password_file}
    \set migrate_password `head -n 1 < :'migrate_password_file'`
    SELECT :'migrate_password' = '' AS unreadable \gset
    \if :unreadable
        DO $$ BEGIN RAISE EXCEPTION 'migrate_password_file is missing or empty'; END $$;
    \endif
\endif

-- The roles of the chain. Migrations grant to these three and make none.
SELECT format('CREATE ROLE %I NOLOGIN', r)
  FROM unnest(ARRAY['leasehold_registry_control', 'leasehold_registry_router', 'leasehold_registry_migrate']) AS r
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) \gexec
SELECT format('CREATE ROLE %I LOGIN', r)
  FROM unnest(ARRAY[:'control', :'router', :'migrate']) AS r
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) \gexec
SELECT format('ALTER ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT', r)
  FROM unnest(ARRAY['leasehold_registry_control', 'leasehold_registry_router', 'leasehold_registry_migrate']) AS r \gexec
SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT', r)
  FROM unnest(ARRAY[:'control', :'router', :'migrate']) AS r \gexec
GRANT leasehold_registry_control TO :"control";
GRANT leasehold_registry_router TO :"router";
GRANT leasehold_registry_migrate TO :"migrate";

-- Passwords: hashed with SCRAM if they are not verifiers already, and in no log of the server.
SET password_encryption = 'scram-sha-256';
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_duration_sample = -1;
SET log_transaction_sample_rate = 0;
SET log_min_error_statement = 'panic';
SET pg_stat_statements.track_utility = 'off';
SELECT :'control_password' <> '' AS has_control, :'router_password' <> '' AS has_router,
       :'migrate_password' <> '' AS has_migrate \gset
\if :has_control
    ALTER ROLE :"control" PASSWORD :'control_password';
\endif
\if :has_router
    ALTER ROLE :"router" PASSWORD :'router_password';
\endif
\if :has_migrate
    ALTER ROLE :"migrate" PASSWORD :'migrate_password';
\endif
\unset control_password
\unset router_password
\unset migrate_password

-- The database. It belongs to the superuser, so that none of the three can drop, rename or open it.
SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING ''UTF8''', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database"
    TO leasehold_registry_control, leasehold_registry_router, leasehold_registry_migrate;
ALTER ROLE :"control" IN DATABASE :"database" SET search_path = public, pg_temp;
ALTER ROLE :"router" IN DATABASE :"database" SET search_path = public, pg_temp;
ALTER ROLE :"migrate" IN DATABASE :"database" SET search_path = public, pg_temp;
-- What the migrate login makes belongs to the role, not to the login, which may be replaced.
ALTER ROLE :"migrate" IN DATABASE :"database" SET role = 'leasehold_registry_migrate';

\connect :"database"
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO leasehold_registry_migrate;
GRANT USAGE ON SCHEMA public TO leasehold_registry_control, leasehold_registry_router;
ALTER DEFAULT PRIVILEGES FOR ROLE leasehold_registry_migrate REVOKE EXECUTE ON ROUTINES FROM PUBLIC;

-- Three identities, each only what its name says.
SELECT format('DO $do$ BEGIN RAISE EXCEPTION %L; END $do$',
              format('login %s is also a member of %s: take that away first', m.member::regrole, m.roleid::regrole))
  FROM pg_auth_members m
 WHERE (m.member = to_regrole(quote_ident(:'control')) AND m.roleid <> 'leasehold_registry_control'::regrole)
    OR (m.member = to_regrole(quote_ident(:'router')) AND m.roleid <> 'leasehold_registry_router'::regrole)
    OR (m.member = to_regrole(quote_ident(:'migrate')) AND m.roleid <> 'leasehold_registry_migrate'::regrole) \gexec
\echo registry database :database ready: logins :control, :router, :migrate
