#pragma once

#include "eventually.hpp"
#include "fault_broker.hpp"
#include "leased_server.hpp"
#include "scratch_broker.hpp"
#include "scratch_folder.hpp"
#include "scratch_registry.hpp"
#include "test_license.hpp"

#include <leasehold/base/credential.hpp>
#include <leasehold/database/session.hpp>
#include <leasehold/router/agents/ports.hpp>
#include <leasehold/router/router.hpp>

#include <functional>
#include <future>
#include <memory>
#include <string>

namespace leasehold::router::test {

struct test_key
{
    key_id id;
    std::string text;  // the whole key: the password
    [[nodiscard]] std::string user() const { return to_base62(id.value()); }
};

struct test_tenant
{
    tenant_id id;
    std::string slug;
    std::string tid;
    std::string database;
    test_key key;  // role write
};

// What a broker role allows a lease: at first, and in all.
struct lease_terms
{
    std::chrono::seconds term{3600};
    std::chrono::seconds max_term{86400};
};

// A real router between a registry, a broker (behind a fault proxy) and a PostgreSQL server, with two tenants
// made by hand. Each tenant has a table `notes` with one row: its slug.
class router_stage
{
public:
    explicit router_stage(int major = 15, lease_terms terms = {});
    ~router_stage();

    // The configuration may be changed before.
    void start(router_settings settings = default_settings());
    static router_settings default_settings();

    // A client's way to a tenant, as libpq takes it.
    [[nodiscard]] database::endpoint client(const test_tenant& tenant, const test_key& key) const;
    [[nodiscard]] database::endpoint client(const test_tenant& tenant) const
    {
        return client(tenant, tenant.key);
    }

    // Output of psql, errors verbose and in it. Where `wait` is given, it is never read, and ends
    // after that.
    [[nodiscard]] std::string psql(
        const test_tenant& tenant,
        const test_key& key,
        const std::string& sql,
        const std::function<void()>& wait = {}
    ) const;

    // The same with a conninfo of one's own, but for the password.
    [[nodiscard]] std::string psql_at(
        const std::string& conninfo,
        const test_key& key,
        const std::string& sql,
        const std::function<void()>& wait = {}
    ) const;

    test_key add_key(const tenant_id& tenant, const std::string& role);
    void set_state(const test_tenant& tenant, const std::string& state);
    void revoke(const test_key& key);
    // Sessions of the tenant's leases on the server, as its superuser sees them.
    [[nodiscard]] int backends_of(const test_tenant& tenant) const;
    [[nodiscard]] int audited(const std::string& action);
    // Waits until the router has acknowledged everything that is committed.
    void wait_applied();
    void on_server(const std::string& sql, const std::string& database = "postgres") const;

    [[nodiscard]] std::uint16_t port() const { return running->listening().at(0).port; }
    [[nodiscard]] const std::string& socket_path() const { return socket_path_; }

    leasehold::test::scratch_folder folder;
    const leasehold::test::stack_server& postgres;
    scratch_registry registry;
    leasehold::test::scratch_broker broker;
    leasehold::test::fault_broker proxy;
    leasehold::test::leased_server server;
    server_id server_row = server_id::random();
    hmac_keys keys;
    config values;
    test_tenant acme;
    test_tenant globex;
    std::unique_ptr<router> running;

private:
    test_tenant add_tenant(const std::string& slug, const lease_terms& terms);
    void add_server();

    std::string socket_path_;
};

// Runs a coroutine on the gateway's lane and waits for it here.
template <class T>
T on_lane(agents::gateway_ports& ports, task<T> work)
{
    std::promise<outcome<T>> told;
    auto whole = [](task<T> inner, std::promise<outcome<T>>& tell) -> task<void> {
        outcome<T> result;
        co_await detail::run_into(std::move(inner), result);
        tell.set_value(std::move(result));
    }(std::move(work), told);
    spawn(ports.context(), "test", std::move(whole));
    return told.get_future().get().take();
}

// What connect() or the query came to: the SQLSTATE, "" when it went well.
std::string sqlstate_of_login(const database::endpoint& where);
std::string sqlstate_of(database::session& session, const std::string& sql);
std::string error_of_login(const database::endpoint& where);  // its whole text
std::string first_text(database::session& session, const std::string& sql);

}  // namespace leasehold::router::test
