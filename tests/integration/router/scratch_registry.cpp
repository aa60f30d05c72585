#include "scratch_registry.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/migrations/apply.hpp>

#include <gtest/gtest.h>

namespace leasehold::router::test {

scratch_registry::scratch_registry(const leasehold::test::scratch_folder& folder)
    : server_(leasehold::test::the_stack().server("registry"))
    , database_(server_, "router_registry")
    , session_(database::connect(database_.superuser_endpoint()))
    , login_(database_.name() + "_router")
    , password_file_(folder / "router-password")
{
    // Of the whole server, shared with every other test: made by whoever comes first.
    for (const char* role :
         {"leasehold_registry_control", "leasehold_registry_router", "leasehold_registry_migrate"}) {
        run(std::string("do $$ begin create role ") + role +
            " nologin; exception when duplicate_object or unique_violation then null; end $$");
    }
    const auto password = crypto::to_hex(crypto::random_bytes(16));
    create_secret_file(password_file_, password);
    run("create role " + login_ + " login password " + quote(password) + " in role leasehold_registry_router"
    );
    run("grant usage on schema public to leasehold_registry_control, leasehold_registry_router");
    run("grant connect on database " + database_.name() + " to " + login_);
    migrations::apply_settings how;
    how.applied_by = "test";
    migrations::apply_chain(*session_, migrations::registry_chain(), how);
    installation_ =
        rows("select (value #>> '{}')::uuid as id from public.registry_setting where key = 'installation'")
            .at(0)
            .get<installation_id>("id");
}

scratch_registry::~scratch_registry()
{
    try {
        session_.reset();
        const auto maintenance = database::connect(server_.superuser_endpoint());
        const auto inside = database::connect(database_.superuser_endpoint());
        inside->run_plain("drop owned by " + login_);
        maintenance->run_plain(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = " +
            maintenance->quote_literal(login_)
        );
        maintenance->run_plain("drop role " + login_);
    } catch (const std::exception& why) {
        ADD_FAILURE() << "the registry's login was not dropped: " << why.what();
    }
}

registry_config scratch_registry::config() const
{
    registry_config made;
    made.hosts = {{server_.host, server_.port, {}}};
    made.database = database_.name();
    made.ca_file = server_.ca_file;
    made.router = {login_, password_file_};
    return made;
}

void scratch_registry::run(const std::string& sql)
{
    session_->run_plain(sql);
}

std::vector<database::row> scratch_registry::rows(const std::string& sql)
{
    return session_->run_plain_rows(sql);
}

}  // namespace leasehold::router::test
