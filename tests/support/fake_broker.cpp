#include "fake_broker.hpp"

#include <algorithm>

namespace leasehold::test {

using namespace std::chrono_literals;
using vc::failure;

void fake_broker::add_token(std::string token, vc::seconds ttl)
{
    const auto now = clock_.boot();
    tokens_[std::move(token)] = token_row{now, now + ttl, ttl};
}

void fake_broker::allow_role(
    const vc::broker_role& name, vc::seconds term, vc::seconds max_term, bool renewable
)
{
    vc::role_terms terms;
    terms.server = vc::config_name("eu-1");
    terms.default_ttl = term;
    terms.max_ttl = max_term;
    roles_[name] = terms;
    if (!renewable) fixed_term_.insert(name);
}

void fake_broker::fail(const std::string& call, failure what, int times)
{
    faults_[call].insert(faults_[call].end(), static_cast<std::size_t>(times), what);
}

void fake_broker::lose_answer(const std::string& call, int times)
{
    lost_[call] += times;
}

void fake_broker::kill_tokens()
{
    tokens_.clear();
    leases_.clear();
}

void fake_broker::kill_leases(const vc::broker_role& role)
{
    std::erase_if(leases_, [&](const auto& row) { return row.second.role == role; });
}

int fake_broker::calls(const std::string& call) const
{
    const auto found = calls_.find(call);
    return found == calls_.end() ? 0 : found->second;
}

void fake_broker::expire()
{
    const auto now = clock_.boot();
    if (now == expired_at_ && tokens_.size() == expired_tokens_) return;  // nothing can have ended since
    std::erase_if(tokens_, [&](const auto& row) { return row.second.ends <= now; });
    expired_at_ = now;
    expired_tokens_ = tokens_.size();
    std::erase_if(leases_, [&](const auto& row) {
        return row.second.ends <= now || !tokens_.contains(row.second.token);
    });
}

task<void> fake_broker::enter(std::string call, bool with_token)
{
    ++calls_[call];
    co_await sleep_for(0ms);  // as over a network: never at once
    while (held_.contains(call)) co_await sleep_for(1ms);
    expire();
    if (sealed_) throw vc::error(failure::sealed);
    auto& faults = faults_[call];
    if (!faults.empty()) {
        const auto what = faults.front();
        faults.pop_front();
        throw vc::error(what);
    }
    if (!with_token) co_return;
    if (!token_ || !tokens_.contains(std::string(token_->reveal()))) {
        vc::failure_report report(failure::token_dead);
        report.path = call;
        throw vc::error(report);
    }
    if (denied_.contains(call)) {
        vc::failure_report report(failure::denied);
        report.path = call;
        throw vc::error(report);
    }
}

void fake_broker::leave(const std::string& call)
{
    auto& left = lost_[call];
    if (left == 0) return;
    --left;
    throw vc::error(failure::answer_lost);
}

task<vc::health_report> fake_broker::health()
{
    ++calls_["health"];
    vc::health_report report;
    report.state = sealed_ ? vc::node_state::sealed : vc::node_state::active;
    report.version = "2.7.2";
    report.cluster_id = "fake";
    report.server_time = clock_.wall();
    co_return report;
}

task<vc::token_grant>
fake_broker::login_approle(vc::mount_name mount, std::string role_id, const secret<std::string>& secret_id)
{
    static_cast<void>(mount);
    co_await enter("login", false);
    const auto found = approles_.find(role_id);
    if (found == approles_.end() || found->second != secret_id.reveal())
        throw vc::error(failure::login_refused);
    const auto name = "s.fake" + std::to_string(++serial_);
    add_token(name, token_ttl);
    vc::token_grant grant;
    grant.token = secret<std::string>(name);
    grant.policies = {"fake"};
    grant.ttl = token_ttl;
    grant.renewable = tokens_renewable;
    grant.orphan = true;
    grant.asked_at = clock_.boot();
    leave("login");
    co_return grant;
}

task<vc::token_facts> fake_broker::lookup_self()
{
    co_await enter("lookup_self", true);
    const auto& mine = tokens_.at(std::string(token_->reveal()));
    vc::token_facts facts;
    facts.ttl = std::chrono::duration_cast<vc::seconds>(mine.ends - clock_.boot());
    facts.period = mine.ttl;
    facts.orphan = true;
    facts.renewable = tokens_renewable;
    facts.policies = {"fake"};
    facts.asked_at = clock_.boot();
    co_return facts;
}

task<vc::term> fake_broker::renew_self(vc::seconds increment)
{
    static_cast<void>(increment);
    co_await enter("renew_self", true);
    auto& mine = tokens_.at(std::string(token_->reveal()));
    const auto now = clock_.boot();
    mine.ends = now + mine.ttl;
    if (token_max != 0s) mine.ends = std::min(mine.ends, mine.made + token_max);
    vc::term got;
    got.duration = std::chrono::duration_cast<vc::seconds>(mine.ends - now);
    got.renewable = true;
    got.asked_at = now;
    leave("renew_self");
    co_return got;
}

task<void> fake_broker::revoke_self()
{
    co_await enter("revoke_self", true);
    tokens_.erase(std::string(token_->reveal()));
    expire();
}

task<std::map<std::string, std::vector<std::string>>>
fake_broker::capabilities_self(std::vector<std::string> paths)
{
    co_await enter("capabilities_self", true);
    std::map<std::string, std::vector<std::string>> result;
    for (const auto& path : paths) result[path] = {denied_.contains(path) ? "deny" : "read"};
    co_return result;
}

task<vc::issued> fake_broker::issue(vc::broker_role name, vc::write_index after)
{
    static_cast<void>(after);
    co_await enter("issue", true);
    const auto found = roles_.find(name);
    if (found == roles_.end()) throw vc::error(failure::role_unknown);
    const auto now = clock_.boot();
    const auto serial = std::to_string(++serial_);
    const vc::lease_id id("database/creds/" + name.text() + "/" + serial);
    leases_.emplace(id, lease_row{name, std::string(token_->reveal()), now, now + found->second.default_ttl});
    leave("issue");
    vc::issued got{
        .id = id,
        .role = name,
        .username = "lease_" + (wrong_role_.empty() ? name.text() : wrong_role_) + "_" + serial,
        .password = secret<std::string>("password-" + serial),
        .duration = found->second.default_ttl,
        .renewable = !fixed_term_.contains(name),
        .asked_at = now,
    };
    co_return got;
}

task<vc::term> fake_broker::renew(vc::lease_id id, vc::seconds increment)
{
    co_await enter("renew", true);
    const auto found = leases_.find(id);
    if (found == leases_.end()) throw vc::error(failure::lease_gone);
    const auto now = clock_.boot();
    const auto& terms = roles_.at(found->second.role);
    found->second.ends = std::min(now + increment, found->second.made + terms.max_ttl);
    vc::term got;
    got.duration = std::chrono::duration_cast<vc::seconds>(found->second.ends - now);
    got.renewable = true;
    got.asked_at = now;
    leave("renew");
    co_return got;
}

task<void> fake_broker::revoke(vc::lease_id id, vc::completion how)
{
    static_cast<void>(how);
    co_await enter("revoke", true);
    leases_.erase(id);
    leave("revoke");
}

task<void> fake_broker::revoke_prefix(vc::broker_role name, vc::completion how)
{
    static_cast<void>(how);
    co_await enter("revoke_prefix", true);
    kill_leases(name);
}

task<vc::page<vc::lease_id>> fake_broker::list_leases(vc::broker_role name, vc::page_start from)
{
    static_cast<void>(from);
    co_await enter("list_leases", true);
    vc::page<vc::lease_id> result;
    for (const auto& [id, row] : leases_) {
        if (row.role == name) result.items.push_back(id);
    }
    co_return result;
}

task<std::vector<vc::irrevocable_lease>> fake_broker::list_irrevocable()
{
    co_await enter("list_irrevocable", true);
    co_return std::vector<vc::irrevocable_lease>();
}

task<vc::write_index> fake_broker::put_role(vc::broker_role name, const vc::role_terms& terms)
{
    co_await enter("put_role", true);
    roles_[name] = terms;
    leave("put_role");
    co_return vc::write_index();
}

task<std::optional<vc::role_terms>> fake_broker::get_role(vc::broker_role name)
{
    co_await enter("get_role", true);
    const auto found = roles_.find(name);
    if (found == roles_.end()) co_return std::nullopt;
    co_return found->second;
}

task<void> fake_broker::delete_role(vc::broker_role name)
{
    co_await enter("delete_role", true);
    roles_.erase(name);
}

task<vc::page<vc::broker_role>> fake_broker::list_roles(vc::page_start from)
{
    co_await enter("list_roles", true);
    vc::page<vc::broker_role> result;
    for (const auto& [name, terms] : roles_) {
        if (name.text() <= from.after()) continue;
        if (result.items.size() == static_cast<std::size_t>(from.limit())) {
            result.next = vc::page_start(result.items.back().text(), from.limit());
            break;
        }
        result.items.push_back(name);
    }
    co_return result;
}

task<std::optional<vc::kv_entry>> fake_broker::get_kv(vc::kv_path path)
{
    co_await enter("get_kv", true);
    const auto found = kv_.find(path.text());
    if (found == kv_.end()) co_return std::nullopt;
    vc::kv_entry entry;
    entry.version = found->second.first;
    for (const auto& [name, value] : found->second.second)
        entry.data.emplace(name, secret<std::string>(value));
    co_return entry;
}

task<int> fake_broker::put_kv(
    vc::kv_path path, const std::map<std::string, secret<std::string>>& data, std::optional<int> cas
)
{
    co_await enter("put_kv", true);
    auto& slot = kv_[path.text()];
    if (cas && *cas != slot.first) {
        if (slot.first == 0) kv_.erase(path.text());
        throw vc::error(failure::conflict);
    }
    ++slot.first;
    slot.second.clear();
    for (const auto& [name, value] : data) slot.second.emplace(name, std::string(value.reveal()));
    co_return slot.first;
}

task<void> fake_broker::delete_kv(vc::kv_path path)
{
    co_await enter("delete_kv", true);
    kv_.erase(path.text());
}

task<std::optional<std::map<int, std::string>>> fake_broker::get_transit_key(vc::transit_key name)
{
    static_cast<void>(name);
    co_await enter("get_transit_key", true);
    co_return std::nullopt;
}

}  // namespace leasehold::test
