#include "leased_server.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace leasehold::test {
namespace {

namespace vc = leasehold::vault_client;

// What the provisioner gives the broker for its roles.
constexpr const char* revocation =
    R"(DO $$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{{name}}') THEN
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
END IF; END $$)";

void superuser(const stack_server& server, const std::vector<std::string>& statements)
{
    const auto session = database::connect(server.superuser_endpoint());
    for (const auto& sql : statements) session->run_plain(sql);
}

}  // namespace

leased_server::leased_server(scratch_broker& broker, const stack_server& server)
    : broker_(broker)
    , server_(server)
    , name_("srv-" + crypto::to_hex(crypto::random_bytes(4)))
    , broker_login_("test_broker_" + crypto::to_hex(crypto::random_bytes(4)))
{
    const auto password = crypto::to_hex(crypto::random_bytes(16));
    superuser(
        server_,
        {fmt::format(
             "CREATE ROLE {} LOGIN CREATEROLE PASSWORD '{}'",
             broker_login_,
             crypto::make_scram_verifier(password, 4096)
         ),
         fmt::format("GRANT pg_signal_backend TO {}", broker_login_),
         fmt::format("GRANT CONNECT ON DATABASE postgres TO {}", broker_login_),
         fmt::format("ALTER ROLE {} SET search_path = pg_catalog, pg_temp", broker_login_)}
    );
    vc::database_config config;
    config.connection_url = fmt::format(
        "postgresql://{{{{username}}}}:{{{{password}}}}@{}:{}/postgres?sslmode=verify-full&sslrootcert={}",
        server_.host,
        server_.port,
        server_.ca_file.string()
    );
    config.username = broker_login_;
    config.allowed_roles = {"rw_*", "ro_*"};
    const auto setup = broker_.setup();
    broker_.run(setup->put_database_config(vc::config_name(name_), config, secret<std::string>(password)));
}

leased_server::~leased_server()
{
    // A broker that a test left dead or sealed cannot clean up: the server's superuser can.
    try {
        const auto session = database::connect(server_.superuser_endpoint());
        std::set<std::string> databases;
        for (const auto& one : placements_) {
            const auto like = "lease_%_" + tid::of(one.tenant).text() + "_%";
            for (const auto& row : session->run_plain_rows(
                     fmt::format("SELECT rolname FROM pg_roles WHERE rolname LIKE '{}'", like)
                 )) {
                const auto& login = row[0].value();
                session->run_plain(fmt::format(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{}'", login
                ));
                session->run_plain(fmt::format("DROP ROLE IF EXISTS \"{}\"", login));
            }
            databases.insert(one.database);
        }
        for (const auto& one : databases) {
            session->run_plain(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", one));
            for (const char* part : {"_rw_login", "_rw"}) {
                session->run_plain(fmt::format("DROP ROLE IF EXISTS {}{}", one, part));
            }
        }
        session->run_plain(fmt::format(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{}'", broker_login_
        ));
        session->run_plain(fmt::format("REVOKE CONNECT ON DATABASE postgres FROM {}", broker_login_));
        session->run_plain(fmt::format("DROP ROLE IF EXISTS {}", broker_login_));
    } catch (const std::exception& why) {
        ADD_FAILURE() << "the server was not cleaned: " << why.what();
    }
}

vc::broker_role leased_server::role(const tenant_id& tenant) const
{
    return vc::role_of(role_class::rw, tid::of(tenant), 1);
}

void leased_server::put_role(
    const tenant_id& tenant, const std::string& database, vc::seconds term, vc::seconds max
)
{
    vc::role_terms terms;
    terms.server = vc::config_name(name_);
    terms.creation_statements = {
        fmt::format(
            R"(CREATE ROLE "{{{{name}}}}" LOGIN INHERIT PASSWORD '{{{{password}}}}' VALID UNTIL '{{{{expiration}}}}' IN ROLE {}_rw_login)",
            database
        ),
        fmt::format(R"(ALTER ROLE "{{{{name}}}}" SET role = '{}_rw')", database),
    };
    terms.revocation_statements = {revocation};
    terms.default_ttl = term;
    terms.max_ttl = max;
    const auto root = broker_.root();
    broker_.run(root->put_role(role(tenant), terms));
}

tenant_id leased_server::add_tenant(vc::seconds term, vc::seconds max_term)
{
    const auto tenant = tenant_id::random();
    const auto database = "t_" + tid::of(tenant).text() + "_1";
    const bool is_new = server_.major() >= 16;
    std::vector<std::string> statements{
        fmt::format("CREATE ROLE {}_rw NOLOGIN", database),
        fmt::format("CREATE ROLE {}_rw_login NOLOGIN NOINHERIT", database),
        fmt::format(
            "GRANT {0}_rw TO {0}_rw_login{1}", database, is_new ? " WITH INHERIT FALSE, SET TRUE" : ""
        ),
        // Closed until PUBLIC is out: a preflight of the same server looks for open ones.
        fmt::format("CREATE DATABASE {} TEMPLATE template0 ALLOW_CONNECTIONS false", database),
        fmt::format("REVOKE ALL ON DATABASE {} FROM PUBLIC", database),
        fmt::format("GRANT CONNECT ON DATABASE {0} TO {0}_rw_login", database),
        fmt::format("ALTER DATABASE {} ALLOW_CONNECTIONS true", database),
    };
    if (is_new) {
        statements.push_back(fmt::format(
            "GRANT {}_rw_login TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE", database, broker_login_
        ));
    }
    superuser(server_, statements);
    placements_.push_back(placement{tenant, database});
    put_role(tenant, database, term, max_term);
    return tenant;
}

tenant_id leased_server::add_role_like(const tenant_id& like, vc::seconds term, vc::seconds max_term)
{
    const auto tenant = tenant_id::random();
    const auto database = placement_of(like).database;
    placements_.push_back(placement{tenant, database});
    put_role(tenant, database, term, max_term);
    return tenant;
}

std::unique_ptr<vc::identity> leased_server::make_router(
    const std::filesystem::path& folder, const std::vector<tenant_id>& tenants, vc::seconds token_period
)
{
    std::string rules;
    for (const char* path : {"auth/token/lookup-self"})
        rules += fmt::format("path \"{}\" {{ capabilities = [\"read\"] }}\n", path);
    for (const char* path :
         {"auth/token/renew-self",
          "auth/token/revoke-self",
          "sys/capabilities-self",
          "sys/leases/renew",
          "sys/leases/revoke"}) {
        rules += fmt::format("path \"{}\" {{ capabilities = [\"update\"] }}\n", path);
    }
    for (const auto& tenant : tenants) {
        rules +=
            fmt::format("path \"database/creds/{}\" {{ capabilities = [\"read\"] }}\n", role(tenant).text());
    }
    const auto name = name_ + "-router-" + std::to_string(++routers_);
    const auto setup = broker_.setup();
    broker_.run(setup->put_policy(vc::policy_name(name), rules));
    vc::approle_terms terms;
    terms.policies = {name};
    terms.token_period = token_period;
    broker_.run(setup->put_approle(vc::mount_name("approle"), vc::approle_name(name), terms));
    const auto role_id = broker_.run(setup->get_role_id(vc::mount_name("approle"), vc::approle_name(name)));
    const auto secret_id =
        broker_.run(setup->make_secret_id(vc::mount_name("approle"), vc::approle_name(name)));
    create_secret_file(folder / (name + ".role_id"), role_id);
    create_secret_file(folder / (name + ".secret_id"), secret_id.reveal());
    return vc::create_approle_identity(
        "router", "approle", folder / (name + ".role_id"), folder / (name + ".secret_id")
    );
}

const leased_server::placement& leased_server::placement_of(const tenant_id& tenant) const
{
    for (const auto& one : placements_) {
        if (one.tenant == tenant) return one;
    }
    throw std::runtime_error("no such tenant here");
}

database::endpoint
leased_server::as(const tenant_id& tenant, const std::string& user, std::string_view password) const
{
    return server_.login_endpoint(placement_of(tenant).database, user, password);
}

int leased_server::logins_of(const tenant_id& tenant) const
{
    const auto session = database::connect(server_.superuser_endpoint());
    const auto rows = session->run_plain_rows(fmt::format(
        "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'lease\\_%\\_{}\\_%'", tid::of(tenant).text()
    ));
    return std::stoi(rows.at(0)[0].value());
}

}  // namespace leasehold::test
