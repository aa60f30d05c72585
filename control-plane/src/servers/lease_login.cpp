#include "servers/lease_login.hpp"

#include "servers/catalog.hpp"
#include "servers/probe_database.hpp"

#include <fmt/format.h>

namespace leasehold::control_plane::servers {
namespace {

std::string create_login(std::string_view chain)
{
    return fmt::format(
        "CREATE ROLE \"{{{{name}}}}\" LOGIN INHERIT PASSWORD '{{{{password}}}}' VALID UNTIL "
        "'{{{{expiration}}}}' IN ROLE {}",
        chain
    );
}

// From 16 on; or the sweeper could neither repair nor drop it.
constexpr std::string_view hand_over =
    "GRANT \"{{name}}\" TO leasehold_provisioner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE";

}  // namespace

std::vector<std::string>
creation_statements(role_class what, const registry::placement& where, int server_version)
{
    const role_names names(where.name);
    std::vector<std::string> statements{
        create_login(names.login_of(what)),
        fmt::format("ALTER ROLE \"{{{{name}}}}\" SET role = '{}'", names.data_role_of(what)),
    };
    if (what == role_class::ro || what == role_class::support) {
        statements.emplace_back("ALTER ROLE \"{{name}}\" SET default_transaction_read_only = on");
    }
    if (server_version >= version_16) statements.emplace_back(hand_over);
    return statements;
}

std::vector<std::string> probe_creation_statements(int server_version)
{
    std::vector<std::string> statements{create_login(probe_login)};
    if (server_version >= version_16) statements.emplace_back(hand_over);
    return statements;
}

std::vector<std::string> revocation_statements()
{
    // One element: the word END keeps the broker from splitting it. The lock_timeout: nobody may hold up the
    // broker.
    return {R"(DO $$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{{name}}') THEN
  PERFORM pg_catalog.set_config('lock_timeout', '50ms', true);
  FOR i IN 1..20 LOOP
    PERFORM pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = '{{name}}';
    EXIT WHEN NOT FOUND;
    PERFORM pg_catalog.pg_sleep(0.02);  PERFORM pg_catalog.pg_stat_clear_snapshot();
  END LOOP;
  ALTER ROLE "{{name}}" NOLOGIN PASSWORD NULL;
  PERFORM pg_catalog.pg_stat_clear_snapshot();
  PERFORM pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = '{{name}}';
  BEGIN DROP ROLE "{{name}}"; EXCEPTION WHEN dependent_objects_still_exist OR lock_not_available THEN NULL; END;
END IF; END $$)"};
}

}  // namespace leasehold::control_plane::servers
