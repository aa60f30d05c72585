#pragma once

#include "installation.hpp"
#include "lane_driver.hpp"
#include "operations/facilities.hpp"
#include "operations/runner.hpp"
#include "operations/sweeper.hpp"

#include <leasehold/database/pool.hpp>
#include <leasehold/migrations/chain.hpp>
#include <leasehold/vault-client/identified_broker.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::control_plane::test {

using leasehold::test::await;
using operations::facilities;

// The control plane's side of an installation without its API: registry stores, broker, access, and runners
// of operations. Its lane turns only while the test awaits something, so everything happens on the test's
// thread.
class control_stage
{
public:
    enum class begin : std::uint8_t
    {
        at_once,
        when_told,  // by start_runners()
    };
    explicit control_stage(int runners = 1, int workers_of_each = 4, begin when = begin::at_once);
    ~control_stage();
    control_stage(const control_stage&) = delete;
    control_stage& operator=(const control_stage&) = delete;

    void start_runners();
    asio::io_context& lane() noexcept { return lane_; }
    template <class T>
    T run(task<T> work)
    {
        return await(lane_, std::move(work));
    }

    struct asked
    {
        tenant_id tenant;
        operation_id operation;
    };
    // Asks for a tenant on this server; the runners are woken.
    asked ask(const std::string& slug, const std::string& server);
    // Starts an operation of this kind on a tenant that is there.
    operation_id start(const std::string& kind, const tenant_id& tenant);
    // Waits until it has succeeded, failed or been cancelled.
    registry::operation finish(operation_id id);
    // Waits until it waits, and says for what; "" when it has ended instead.
    std::string waits_for(operation_id id);
    // finish, and it must have succeeded; says which step failed otherwise.
    registry::operation succeed(operation_id id);
    // A whole tenant on this server.
    facilities::place provision(const std::string& server);

    // A lease of the tenant, and a connection with it.
    vault_client::issued lease(const facilities::place& at, role_class what);
    void revoke(const vault_client::issued& which);
    database::endpoint
    endpoint(const facilities::place& at, const vault_client::issued& with, const std::string& database = {});
    std::unique_ptr<database::session> connect(const facilities::place& at, const vault_client::issued& with);

    // Superuser of the server, in its maintenance database or another one.
    static std::unique_ptr<database::session>
    superuser(const facilities::place& at, const std::string& database = "postgres");

    leasehold::test::installation installation;

private:
    asio::io_context lane_{1};

public:
    database::pool pool;
    worker_pool workers{"operations", 8, 256};
    registry::tenants tenants{pool};
    registry::servers servers{pool};
    registry::operations operations{pool};
    registry::installation facts{pool};
    std::unique_ptr<vault_client::identified_broker> broker;
    servers::access access;
    facilities with;

private:
    std::vector<std::unique_ptr<operations::runner>> runners_;
};

// What a session answers: the SQLSTATE that stopped the script, "" when it ran. Rolled back.
std::string attempt(database::session& by, const std::string& script);
// The same, committed. A script that begins no transaction of its own.
std::string commit(database::session& by, const std::string& script);
// "" when the login works, else its SQLSTATE.
std::string login(const database::endpoint& where);
std::int64_t number(database::session& by, const std::string& sql);

}  // namespace leasehold::control_plane::test
