#include "server/server_logins.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/log.hpp>

#include <boost/asio/post.hpp>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;
namespace refusals = relay::refusals;

constexpr auto login_limit = 5s;

struct request_refused : std::exception
{
    explicit request_refused(relay::refusal of) : why(of) {}
    [[nodiscard]] const char* what() const noexcept override { return why.code.data(); }
    relay::refusal why;
};

// One place among the logins of a server.
class gate_place
{
public:
    explicit gate_place(server_gate& of) : of_(of) {}
    ~gate_place() { of_.leave(); }
    gate_place(const gate_place&) = delete;
    gate_place& operator=(const gate_place&) = delete;

private:
    server_gate& of_;
};

void check_serves(const tenant_record& tenant)
{
    switch (tenant.state) {
    case tenant_state::suspended:
    case tenant_state::deleting:
        throw request_refused(refusals::tenant_suspended);
    case tenant_state::provisioning:
    case tenant_state::failed:
        throw request_refused(refusals::tenant_not_ready);
    case tenant_state::active:
    case tenant_state::moving:
        break;
    }
    if (tenant.is_paused) throw request_refused(refusals::tenant_moving);
    if (!tenant.placement) throw request_refused(refusals::tenant_not_ready);
}

bool is_full(const server_refused& said)
{
    return said.sqlstate == "53300" && said.routine == "InitPostgres";
}

}  // namespace

void server_logins::request_server(relay::server_promise answer)
{
    asio::post(with_.on->context(), [this, answer = std::move(answer)]() mutable {
        auto work = serve(std::move(answer));
        spawn(with_.on->context(), "router.server_login", std::move(work));
    });
}

void server_logins::server_closed(const relay::pool_key& key, std::uint32_t server_index) noexcept
{
    // Budgets across routers count here; within one router the pools' own limits do.
    static_cast<void>(key);
    static_cast<void>(server_index);
}

task<void> server_logins::serve(relay::server_promise answer)
{
    std::optional<relay::verified_server> made;
    relay::refusal why = refusals::internal;
    try {
        auto opened = co_await open(answer.key());
        made = std::move(opened);
    } catch (const request_refused& refused) {
        why = refused.why;
    } catch (const std::exception& unforeseen) {
        log::failure("server.login_failed", unforeseen, {{"tenant", tid::of(answer.key().tenant).text()}});
        why = refusals::server_unavailable;
    }
    if (made) {
        answer.fulfil(std::move(*made));
    } else {
        answer.refuse(why);
    }
}

server_logins::target server_logins::find_target(const tenant_id& tenant, role_class role) const
{
    target to;
    to.in = with_.on->current();
    if (!to.in) throw request_refused(refusals::directory_loading);
    to.tenant = to.in->find_tenant(tenant);
    if (to.tenant == nullptr) throw request_refused(refusals::session_revoked);
    check_serves(*to.tenant);
    to.server = to.in->find_server(to.tenant->placement->server);
    if (to.server == nullptr) throw request_refused(refusals::server_unavailable);
    const auto held = quarantined_.find({tenant, to.server->id});
    if (held != quarantined_.end() && held->second == to.tenant->generation) {
        throw request_refused(refusals::placement_mismatch);
    }
    to.want.installation = to.in->installation();
    to.want.tenant = tenant;
    to.want.tid = to.tenant->tid;
    to.want.placement = *to.tenant->placement;
    to.want.role = role;
    to.want.has_lease = with_.roster != nullptr;
    return to;
}

task<relay::verified_server> server_logins::open(relay::pool_key key)
{
    // A lease that the server refuses is dead: one more is fetched, once.
    for (int left = 2;; --left) {
        const auto to = find_target(key.tenant, key.role);
        const auto by = co_await find_right(to);
        bool is_dead = false;
        try {
            auto made = co_await open_with(to, by);
            co_return made;
        } catch (const server_refused& said) {
            is_dead = said.sqlstate == "28P01" && by.lease != nullptr && left > 1;
            if (!is_dead) translate(said, to, by);
            with_.roster->report_refused(by.lease->ref, said.sqlstate);
        }
    }
}

task<server_logins::right_to_enter> server_logins::find_right(const target& to)
{
    right_to_enter by;
    if (with_.roster == nullptr) {
        by.who = with_.own;
        co_return by;
    }
    vault_client::placement_key key(to.want.tenant, to.want.placement.generation, to.server->name);
    const auto patience = with_.on->values().router.pool.checkout_timeout;
    try {
        auto found = co_await with_.roster->get(std::move(key), to.want.role, patience);
        by.lease = std::move(found);
    } catch (const vault_client::error& why) {
        log::failure(
            "lease.unavailable", why, {{"tenant", to.want.tid}, {"role_class", to_text(to.want.role)}}
        );
        if (why.cause() == vault_client::failure::wrong_tenant) {
            quarantine(to, "the broker handed out a login of another role");
            throw request_refused(refusals::placement_mismatch);
        }
        if (why.cause() == vault_client::failure::retired) throw request_refused(refusals::session_revoked);
        throw request_refused(refusals::lease_unavailable);
    } catch (const error& late) {
        log::failure(
            "lease.unavailable", late, {{"tenant", to.want.tid}, {"role_class", to_text(to.want.role)}}
        );
        throw request_refused(refusals::lease_unavailable);
    }
    by.who = with_.known->identity(*by.lease);
    by.hold = with_.known->hold(*by.lease);
    co_return by;
}

server_gate& server_logins::gate_of(const server_id& server)
{
    return gates_.try_emplace(server, with_.on->context()).first->second;
}

task<relay::verified_server> server_logins::open_with(const target& to, const right_to_enter& by)
{
    auto& gate = gate_of(to.server->id);
    const bool may_try = co_await gate.enter();
    if (!may_try) throw request_refused(refusals::server_unavailable);
    const gate_place place(gate);
    std::string away;
    try {
        auto attempt = log_in(to, by);
        auto made = co_await with_timeout(std::move(attempt), login_limit, "server_login");
        gate.has_succeeded();
        if (by.lease) with_.roster->note_used(by.lease->ref);
        co_return made;
    } catch (const server_away& why) {
        away = why.reason;
    } catch (const error& why) {
        away = why.what();
    } catch (const server_refused& said) {
        if (said.sqlstate == "57P03" || is_full(said)) gate.has_failed(boot_clock::now());
        throw;
    }
    gate.has_failed(boot_clock::now());
    log::warn("server.unavailable", {{"server", to.server->name}, {"tenant", to.want.tid}, {"why", away}});
    throw request_refused(refusals::server_unavailable);
}

task<relay::verified_server> server_logins::log_in(const target& to, const right_to_enter& by)
{
    server_login session(with_.on->context(), *with_.hashing);
    co_await session.connect(*to.server, tls_, with_.on->values().router.connect_timeout);
    session_request what;
    what.database = to.want.placement.database;
    what.search_path = to.want.placement.schema == "public" ? R"("$user",public)" : to.want.placement.schema;
    what.application_name = "leasehold:" + crypto::to_hex(crypto::random_bytes(4));  // names nobody
    co_await session.authenticate(what, *by.who);
    co_await check(session, to);
    auto made = session.release();
    if (by.lease) {
        made.lease = to_number(by.lease->ref);
        made.lease_ends_at = by.lease->ends_at();
        made.hold = by.hold;
    }
    co_return made;
}

task<void> server_logins::check(server_login& session, const target& to)
{
    std::optional<server_refused> failed;
    const std::vector<std::string> no_values;
    text_row row;
    try {
        auto answer = co_await session.ask(check_query(), no_values);
        row = std::move(answer);
    } catch (const server_refused& said) {
        failed = said;
    }
    if (failed) {
        // Ended under us is the server's doing; any other error is the login's own.
        if (failed->sqlstate.starts_with("57P") || failed->sqlstate.starts_with("53"))
            throw server_away(failed->message);
        tampered(to, "the check failed: " + failed->message);
        throw request_refused(refusals::lease_unavailable);
    }
    const auto seen = to_seen(row);
    const auto verdict_of = judge(to.want, seen);
    switch (verdict_of.is) {
    case verdict::right:
        co_return;
    case verdict::in_recovery:
        throw server_away(std::string(verdict_of.why));
    case verdict::stale:
        throw request_refused(refusals::placement_stale);
    case verdict::tampered:
        tampered(to, verdict_of.why);
        throw server_refused("28P01", verdict_of.why, "check");
    case verdict::mismatch:
        quarantine(to, verdict_of.why);
        throw request_refused(refusals::placement_mismatch);
    }
}

void server_logins::translate(const server_refused& said, const target& to, const right_to_enter& by)
{
    log::warn(
        "server.refused",
        {{"server", to.server->name},
         {"tenant", to.want.tid},
         {"sqlstate", said.sqlstate},
         {"message", said.message}}
    );
    if (said.sqlstate == "28P01" || said.sqlstate == "28000") {
        if (by.lease) with_.roster->report_refused(by.lease->ref, said.sqlstate);
        throw request_refused(refusals::lease_unavailable);
    }
    // Not our database, or not there: the directory and the server disagree about who lives where.
    if (said.sqlstate == "42501" || said.sqlstate == "3D000") {
        quarantine(to, "the server does not let this login into the database");
        throw request_refused(refusals::placement_mismatch);
    }
    if (said.sqlstate == "53300" && !is_full(said)) throw request_refused(refusals::pool_timeout);
    throw request_refused(refusals::server_unavailable);
}

void server_logins::quarantine(const target& to, std::string_view why)
{
    auto& held = quarantined_[{to.want.tenant, to.server->id}];
    if (held == to.tenant->generation) return;  // told already
    held = to.tenant->generation;
    log::error(
        "placement.mismatch",
        {{"tenant", to.want.tid},
         {"server", to.server->name},
         {"placement", to.want.placement.name},
         {"code", "placement_mismatch"},
         {"why", why}}
    );
    registry::router_event told;
    told.action = "placement.mismatch";
    told.tenant = to.want.tenant;
    told.target = to.want.placement.name;
    told.outcome = "placement_mismatch";
    told.detail["server"] = to.server->name;
    told.detail["why"] = std::string(why);
    world().audit(told);
}

void server_logins::tampered(const target& to, std::string_view why)
{
    log::warn("lease.tampered", {{"tenant", to.want.tid}, {"server", to.server->name}, {"why", why}});
    registry::router_event told;
    told.action = "lease.tampered";
    told.tenant = to.want.tenant;
    told.target = to.want.placement.name;
    told.outcome = "lease_tampered";
    told.detail["role_class"] = std::string(to_text(to.want.role));
    world().audit(told);
}

task<bool> server_logins::verify(vault_client::lease_ptr fresh)
{
    const auto to = find_target(fresh->ref.tenant, fresh->ref.role);
    right_to_enter by;
    by.lease = fresh;
    by.who = with_.known->identity(*fresh);
    by.hold = with_.known->hold(*fresh);
    bool is_right = false;
    try {
        const auto made = co_await open_with(to, by);  // and closes it
        is_right = made.socket.is_open();
    } catch (const server_refused& said) {
        log::warn("lease.successor_refused", {{"tenant", to.want.tid}, {"sqlstate", said.sqlstate}});
    } catch (const request_refused& refused) {
        if (refused.why.code != refusals::placement_mismatch.code) {
            throw error(error_kind::unavailable, "server_unavailable", "the successor could not be tried");
        }
    }
    co_return is_right;
}

}  // namespace leasehold::router
