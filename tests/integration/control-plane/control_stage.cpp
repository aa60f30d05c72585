#include "control_stage.hpp"

#include "operations/provision.hpp"
#include "operations/remove_tenant.hpp"
#include "operations/suspend.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/registry/connection.hpp>

#include <gtest/gtest.h>

namespace leasehold::control_plane::test {
namespace {

constexpr std::chrono::seconds patience(90);

operations::runner_settings quick_runner(int workers)
{
    operations::runner_settings how;
    how.workers = workers;
    how.poll = std::chrono::milliseconds(12) * workers;  // all idle ones together ask no more often
    return how;
}

}  // namespace

control_stage::control_stage(int runners, int workers_of_each, begin when)
    : pool(
          registry::endpoint_of(installation.config().registry, installation.config().registry.control_plane),
          4,
          256
      )
    , broker(vault_client::create_identified_broker(
          lane_, installation.config().vault, installation.config().vault.auth.provisioner, "provisioner"
      ))
    , access(*broker)
    , with{
          tenants,
          servers,
          facts,
          *broker,
          access,
          workers,
          migrations::tenant_chain(),
          "test:" + installation.id().to_string()}
{
    for (int i = 0; i < runners; ++i) {
        auto made = std::make_unique<operations::runner>(
            lane_, operations, "runner-" + std::to_string(i), quick_runner(workers_of_each)
        );
        made->add(std::make_unique<operations::provision>(with));
        made->add(std::make_unique<operations::suspend>(with));
        made->add(std::make_unique<operations::resume>(with));
        made->add(std::make_unique<operations::remove_tenant>(with));
        runners_.push_back(std::move(made));
    }
    if (when == begin::at_once) start_runners();
}

void control_stage::start_runners()
{
    for (const auto& one : runners_) one->start();
}

control_stage::~control_stage()
{
    try {
        for (const auto& one : runners_) run(one->stop());
        run(broker->stop());
        leasehold::test::settle(lane_);
    } catch (const std::exception& why) {
        ADD_FAILURE() << "the stage does not stop: " << why.what();
    }
    pool.join();
}

control_stage::asked control_stage::ask(const std::string& slug, const std::string& server)
{
    nlohmann::json parameters{{"tier", "database"}};
    for (const auto& one : run(servers.list())) {
        if (one.name == server) parameters["server_id"] = one.id.to_string();
    }
    registry::new_tenant what;
    what.id = tenant_id::time_ordered();
    what.slug = slug;
    what.name = slug;
    what.edition = "standard";
    auto who = registry::principal::system("test");
    const auto operation = run(tenants.create(std::move(who), what, std::move(parameters), std::nullopt));
    for (const auto& one : runners_) one->wake();
    return {what.id, operation};
}

operation_id control_stage::start(const std::string& kind, const tenant_id& tenant)
{
    auto who = registry::principal::system("test");
    const auto id = run(operations.start(std::move(who), kind, tenant, nlohmann::json::object()));
    for (const auto& one : runners_) one->wake();
    return id;
}

registry::operation control_stage::finish(operation_id id)
{
    const auto until = std::chrono::steady_clock::now() + patience;
    for (;;) {
        auto seen = run(operations.get(id));
        if (seen.finished_at) return seen;
        if (std::chrono::steady_clock::now() > until)
            throw std::runtime_error("the operation does not end: " + seen.state);
        run(sleep_for(std::chrono::milliseconds(20)));
    }
}

std::string control_stage::waits_for(operation_id id)
{
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
        const auto seen = run(operations.get(id));
        if (seen.waiting_for || seen.finished_at) return seen.waiting_for.value_or("");
        run(sleep_for(std::chrono::milliseconds(20)));
    }
    return "nothing, in time";
}

registry::operation control_stage::succeed(operation_id id)
{
    auto ended = finish(id);
    EXPECT_EQ(ended.state, "succeeded") << ended.kind << " " << ended.error.dump();
    if (ended.state != "succeeded") throw std::runtime_error(ended.kind + " did not succeed");
    return ended;
}

facilities::place control_stage::provision(const std::string& server)
{
    const auto made = ask("t" + crypto::to_hex(crypto::random_bytes(6)), server);
    succeed(made.operation);
    return run(with.current_place(made.tenant));
}

vault_client::issued control_stage::lease(const facilities::place& at, role_class what)
{
    const vault_client::broker_role role(servers::broker_role_name(what, at.where));
    return run(broker->issue(role, vault_client::write_index()));
}

void control_stage::revoke(const vault_client::issued& which)
{
    run(broker->revoke(which.id, vault_client::completion::done));
}

database::endpoint control_stage::endpoint(
    const facilities::place& at, const vault_client::issued& with_lease, const std::string& database
)
{
    return access.lease_endpoint(at.server, database.empty() ? at.where.database : database, with_lease);
}

std::unique_ptr<database::session>
control_stage::connect(const facilities::place& at, const vault_client::issued& with_lease)
{
    return database::connect(endpoint(at, with_lease));
}

std::unique_ptr<database::session>
control_stage::superuser(const facilities::place& at, const std::string& database)
{
    return database::connect(leasehold::test::the_stack().server(at.server.name).superuser_endpoint(database)
    );
}

std::string attempt(database::session& by, const std::string& script)
{
    struct roll_back
    {};
    try {
        by.in_transaction([&](database::transaction& tx) {
            tx.run_script(script);
            throw roll_back{};
        });
    } catch (const roll_back&) {
    } catch (const database::sql_error& refused) {
        return refused.sqlstate();
    }
    return {};
}

std::string commit(database::session& by, const std::string& script)
{
    try {
        by.in_transaction([&](database::transaction& tx) { tx.run_script(script); });
    } catch (const database::sql_error& refused) {
        return refused.sqlstate();
    }
    return {};
}

std::string login(const database::endpoint& where)
{
    try {
        database::connect(where);
    } catch (const database::sql_error& refused) {
        return refused.sqlstate();
    }
    return {};
}

std::int64_t number(database::session& by, const std::string& sql)
{
    return std::stoll(by.run_plain_rows(sql).at(0)[0].value());
}

}  // namespace leasehold::control_plane::test
