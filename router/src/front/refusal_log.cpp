#include "front/refusal_log.hpp"

#include <leasehold/base/log_object.hpp>

#include <nlohmann/json.hpp>

#include <utility>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

constexpr std::size_t seen_max = 1000;

void put(ordered_json& into, const char* name, const std::string& value)
{
    if (!value.empty()) into[name] = value;
}

ordered_json to_json(const std::vector<agents::presented_name>& keys)
{
    auto all = ordered_json::array();
    for (const auto& one : keys) {
        ordered_json key{{"kind", one.kind}, {"presented", one.presented}};
        put(key, "tenant", one.tenant);
        put(key, "state", one.state);
        all.push_back(std::move(key));
    }
    return all;
}

void tell(const refusal_line& line, std::uint64_t repeated)
{
    ordered_json told;
    put(told, "code", line.code);
    put(told, "reason", line.reason);
    put(told, "listener", line.listener);
    put(told, "protocol", line.protocol);
    put(told, "session", line.session);
    put(told, "request_id", line.request_id);
    put(told, "peer", line.peer);
    put(told, "tls", line.tls);
    put(told, "sni", line.sni);
    put(told, "host", line.host);
    put(told, "database", line.database);
    put(told, "option", line.option);
    put(told, "user", line.user);
    put(told, "user_hash", line.user_hash);
    told["keys"] = to_json(line.keys);
    put(told, "tenant", line.tenant);
    if (!line.credential_kind.empty()) {
        told["credential"] = {{"kind", line.credential_kind}, {"id", line.credential_id}};
    }
    told["directory"] = {
        {"applied_change", line.applied_change}, {"age_ms", line.age_ms}, {"source", line.source}};
    put(told, "license", line.license);
    put(told, "sqlstate", line.sqlstate);
    if (line.status != 0) told["status"] = line.status;
    put(told, "router", line.router);
    put(told, "lane", line.lane);
    told["repeated"] = repeated;
    log::write_object(line.level, "route.refused", told);
}

// What a client presents may hold any byte.
std::string text_of(const std::vector<agents::presented_name>& keys)
{
    std::string text;
    for (const auto& one : keys) text.append(one.kind).append("=").append(one.presented).append(1, '\0');
    return text;
}

}  // namespace

void refusal_log::note(refusal_line line, boot_time now)
{
    flush(now);
    key which(line.code, line.peer_group, text_of(line.keys));
    const auto known = all_.find(which);
    if (known != all_.end()) {
        ++known->second->repeated;
        known->second->line = std::move(line);
        return;
    }
    if (by_age_.size() == seen_max) forget_oldest();
    tell(line, 0);
    by_age_.push_back({which, now, 0, std::move(line)});
    all_.emplace(std::move(which), std::prev(by_age_.end()));
}

void refusal_log::flush(boot_time now)
{
    while (!by_age_.empty() && now - by_age_.front().told >= 10s) forget_oldest();
}

void refusal_log::forget_oldest()
{
    const auto& oldest = by_age_.front();
    if (oldest.repeated > 0) tell(oldest.line, oldest.repeated);
    all_.erase(oldest.which);
    by_age_.pop_front();
}

}  // namespace leasehold::router
