#include "data_api.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/http/fields.hpp>
#include <leasehold/http/problem.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace leasehold::router::agents {
namespace {

using http::at_most;
using http::between;
using http::fields;
using http::or_default;
using http::unknown_members;
using nlohmann::json;

constexpr std::size_t heartbeat_limit = std::size_t{64} << 10U;
constexpr std::size_t data_limit = std::size_t{4} << 20U;
constexpr std::size_t unpacked_limit = std::size_t{16} << 20U;
constexpr std::size_t events_limit = std::size_t{1} << 20U;
constexpr std::size_t most_events = 500;
constexpr auto renew_before = std::chrono::hours(6);  // a quarter of a credential's life
constexpr std::int64_t usual_days = 30;               // where settings.heartbeat_days says nothing
constexpr std::int64_t most_days = 3650;

bool is_kind(std::string_view text)
{
    const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
    return !text.empty() && text.size() <= 32 && is_lower(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return is_lower(c) || (c >= '0' && c <= '9') || c == '_';
           });
}

bool is_sha256(std::string_view text)
{
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

const fields<spool_facts> spool_fields{
    unknown_members::ignored,
    {
        {"bytes", &spool_facts::bytes, or_default()},
        {"oldest_at", &spool_facts::oldest_at},
        {"dropped", &spool_facts::dropped, or_default()},
    }};
const fields<heartbeat> heartbeat_fields{
    unknown_members::ignored,
    {
        {"at", &heartbeat::at},
        {"boot_id", &heartbeat::boot_id, at_most(64), or_default()},
        {"instance", &heartbeat::instance, at_most(64), or_default()},
        {"agent_version", &heartbeat::agent_version, at_most(100), or_default()},
        {"uptime_s", &heartbeat::uptime_s, or_default()},
        {"metrics", &heartbeat::metrics, at_most(64), or_default()},
        {"spool", &heartbeat::spool},
        {"have", &heartbeat::have, at_most(64), or_default()},
    }};
const fields<heartbeat_answer> heartbeat_answer_fields{
    {"next_s", &heartbeat_answer::next_s},
    {"state", &heartbeat_answer::state},
    {"want", &heartbeat_answer::want},
    {"commands", &heartbeat_answer::commands},
    {"renew", &heartbeat_answer::renew},
};
const fields<inventory_document> inventory_fields{
    unknown_members::ignored,
    {
        {"collected_at", &inventory_document::collected_at},
        {"document", &inventory_document::document},
    }};
const fields<package_row> package_fields{
    unknown_members::ignored,
    {
        {"name", &package_row::name, between(1, 255)},
        {"version", &package_row::version, between(1, 255)},
        {"manager", &package_row::manager, between(1, 32)},
    }};
const fields<package_set> package_set_fields{
    unknown_members::ignored,
    {
        {"collected_at", &package_set::collected_at},
        {"sha256", &package_set::sha256, http::shaped("[0-9a-f]{64}", is_sha256)},
        {"packages", &package_set::packages, at_most(20000)},
    }};
const fields<event_batch> event_batch_fields{
    unknown_members::ignored,
    {
        {"events", &event_batch::events, at_most(static_cast<std::int64_t>(most_events))},
    }};
const fields<rejected_event> rejected_event_fields{
    {"id", &rejected_event::id},
    {"code", &rejected_event::code},
};
const fields<event_answer> event_answer_fields{
    {"stored", &event_answer::stored},
    {"rejected", &event_answer::rejected},
};

// -- SQL: names without a schema are the placement's, whose search_path the session sets; $1 is always the
// host --

constexpr auto add_heartbeat = R"(
    insert into host_heartbeats (host_id, at, metrics) values ($1::uuid, $2::timestamptz, $3::jsonb)
    on conflict do nothing)";
// At most once a minute, and whenever what it says changes. The registry's word on approval is mirrored here.
constexpr auto note_heartbeat = R"(
    update hosts
       set last_seen_at = now(), agent_version = $2, approval = $3,
           status = case when $3 = 'approved' then 'active' else status end
     where id = $1::uuid
       and (last_seen_at is null or last_seen_at < now() - interval '1 minute' or agent_version <> $2
            or approval <> $3 or ($3 = 'approved' and status <> 'active')))";
constexpr auto list_inventory = R"(
    select kind, document ->> 'sha256' from host_inventory where host_id = $1::uuid)";
constexpr auto make_heartbeat_partitions = "select made, dropped from heartbeat_partitions($1::integer)";

// A clock that is ahead must not make what comes later look old: no time after now is kept.
constexpr auto put_document = R"(
    insert into host_inventory as stored (host_id, kind, collected_at, document)
    values ($1::uuid, $2, least($3::timestamptz, now()), $4::jsonb)
    on conflict (host_id, kind) do update
       set collected_at = excluded.collected_at, document = excluded.document
     where excluded.collected_at >= stored.collected_at)";
constexpr auto put_package_facts = R"(
    insert into host_inventory as stored (host_id, kind, collected_at, document)
    values ($1::uuid, 'packages', least($2::timestamptz, now()),
            jsonb_build_object('sha256', $3::text, 'count', $4::bigint))
    on conflict (host_id, kind) do update
       set collected_at = excluded.collected_at, document = excluded.document
     where excluded.collected_at >= stored.collected_at)";
// Only where the statement before has stored this very set, and not found a newer one.
constexpr auto remove_packages = R"(
    delete from host_packages
     where host_id = $1::uuid
       and exists (select from host_inventory i
                    where i.host_id = $1::uuid and i.kind = 'packages'
                      and i.collected_at = least($2::timestamptz, now()) and i.document ->> 'sha256' = $3))";
constexpr auto add_packages = R"(
    insert into host_packages (host_id, name, version, manager)
    select $1::uuid, p.name, p.version, p.manager
      from jsonb_to_recordset($4::jsonb) as p(name text, version text, manager text)
     where exists (select from host_inventory i
                    where i.host_id = $1::uuid and i.kind = 'packages'
                      and i.collected_at = least($2::timestamptz, now()) and i.document ->> 'sha256' = $3)
    on conflict do nothing)";

constexpr auto add_events_sql = R"(
    insert into events (id, at, host_id, kind, detail)
    select e.id, e.at, $1::uuid, e.kind, coalesce(e.detail, '{}')
      from jsonb_to_recordset($2::jsonb) as e(id uuid, at timestamptz, kind text, detail jsonb)
    on conflict (id) do nothing)";

using parameters = std::vector<std::optional<std::string>>;

std::vector<std::string> missing(const std::map<std::string, std::string>& have, const query_result& stored)
{
    std::map<std::string, std::string> known;
    for (const auto& row : stored.rows) known[row.at(0).value_or("")] = row.at(1).value_or("");
    std::vector<std::string> want;
    for (const auto& [kind, digest] : have) {
        const auto at = known.find(kind);
        // Of packages the digest is stored; of the rest only whether there is any.
        if (at == known.end() || (kind == "packages" && at->second != digest)) want.push_back(kind);
    }
    return want;
}

std::string text_in(const json& from, const char* name)
{
    const auto at = from.find(name);
    return at != from.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// What is wrong with one event; empty: nothing.
std::string problem_of(const json& event)
{
    if (!event.is_object()) return "event_malformed";
    if (!uuid::parse(text_in(event, "id"))) return "event_id_invalid";
    if (!parse_rfc3339(text_in(event, "at"))) return "event_time_invalid";
    const auto kind = text_in(event, "kind");
    if (kind.empty() || kind.size() > 100) return "event_kind_invalid";
    const auto detail = event.find("detail");
    if (detail != event.end() && !detail->is_object()) return "event_detail_invalid";
    return {};
}

}  // namespace

void data_api::mount(http::routes& on)
{
    on.post("/agent/v1/heartbeat", may::beat, this, &data_api::beat)
        .body_limit(heartbeat_limit)
        .gzip(heartbeat_limit)
        .summary("A host is alive");
    on.put("/agent/v1/inventory/{kind:text}", may::store, this, &data_api::put_inventory)
        .body_limit(data_limit)
        .gzip(unpacked_limit)
        .summary("What a host consists of, by kind");
    on.put("/agent/v1/packages", may::store, this, &data_api::put_packages)
        .body_limit(data_limit)
        .gzip(unpacked_limit)
        .summary("All packages of a host");
    on.post("/agent/v1/events", may::store, this, &data_api::add_events)
        .body_limit(events_limit)
        .gzip(events_limit)
        .summary("What happened on a host");
}

task<void> data_api::make_partitions(const host_principal& who)
{
    const auto today = std::chrono::floor<std::chrono::days>(clock_.wall());
    const auto tenant = who.of_tenant().id;
    const auto made = partitions_.find(tenant);
    if (made != partitions_.end() && made->second == today) co_return;
    partitions_[tenant] = today;  // before the wait: of many first heartbeats one does it
    std::vector<statement> all;
    const auto days =
        std::clamp<std::int64_t>(who.of_tenant().heartbeat_days.value_or(usual_days), 1, most_days);
    all.emplace_back(make_heartbeat_partitions, parameters{std::to_string(days)});
    bool is_made = false;
    try {
        co_await store_.write(who, std::move(all));
        is_made = true;
    } catch (const error& why) {  // the DEFAULT partition takes them meanwhile
        log::failure("heartbeat.partitions_failed", why, {{"tenant", who.tenant()}});
    }
    if (!is_made) partitions_.erase(tenant);
}

task<heartbeat_answer> data_api::beat(const http::context& ctx, heartbeat in)
{
    const auto& who = host_of(ctx);
    if (who.is_pending() && !in.metrics.empty()) {
        throw error(
            error_kind::forbidden,
            "approval_pending",
            "this host waits for approval: only its presence is taken"
        );
    }
    const auto host = who.host().id.to_string();
    std::vector<statement> all;
    all.emplace_back(
        note_heartbeat,
        parameters{host, in.agent_version, std::string(who.is_pending() ? "pending" : "approved")}
    );
    if (!who.is_pending()) {
        co_await make_partitions(who);
        all.emplace_back(list_inventory, parameters{host});
        all.emplace_back(add_heartbeat, parameters{host, to_rfc3339(in.at), json(in.metrics).dump()});
    }
    const auto results = co_await store_.write(who, std::move(all));
    seen_.insert(who.host().id);

    heartbeat_answer out;
    out.next_s = std::chrono::duration_cast<std::chrono::seconds>(values_.agents.heartbeat.interval).count();
    out.state = who.host().state;
    if (results.size() > 1) out.want = missing(in.have, results[1]);
    out.renew = who.expires_at() - clock_.wall() < renew_before;
    co_return out;
}

task<void> data_api::put_inventory(const http::context& ctx, inventory_document in)
{
    const auto& kind = ctx.path_text("kind");
    if (!is_kind(kind) || kind == "packages") {
        throw error(
            error_kind::invalid, "inventory_kind_invalid", "a kind is [a-z][a-z0-9_]{0,31} and not packages"
        );
    }
    const auto& who = host_of(ctx);
    std::vector<statement> all;
    all.emplace_back(
        put_document,
        parameters{who.host().id.to_string(), kind, to_rfc3339(in.collected_at), in.document.dump()}
    );
    co_await store_.write(who, std::move(all));
}

task<void> data_api::put_packages(const http::context& ctx, package_set in)
{
    const auto& who = host_of(ctx);
    const auto host = who.host().id.to_string();
    const auto at = to_rfc3339(in.collected_at);
    auto list = http::to_json_text(in.packages);
    if (list.size() >= data_limit - 4096) {
        throw error(error_kind::invalid, "body_too_large", "the list of packages is larger than 4 MiB");
    }
    std::vector<statement> all;
    all.emplace_back(put_package_facts, parameters{host, at, in.sha256, std::to_string(in.packages.size())});
    all.emplace_back(remove_packages, parameters{host, at, in.sha256});
    all.emplace_back(add_packages, parameters{host, at, in.sha256, std::move(list)});
    co_await store_.write(who, std::move(all));
}

task<event_answer> data_api::add_events(const http::context& ctx, event_batch in)
{
    event_answer out;
    std::vector<json> good;
    for (auto& one : in.events) {
        auto problem = problem_of(one);
        if (problem.empty()) {
            good.push_back(std::move(one));
        } else {
            out.rejected.push_back({one.is_object() ? text_in(one, "id") : std::string(), std::move(problem)}
            );
        }
    }
    const auto offered = good.size();
    if (offered > 0) {
        auto refused = co_await store_events(host_of(ctx), std::move(good));
        out.stored = offered - refused.size();
        std::move(refused.begin(), refused.end(), std::back_inserter(out.rejected));
    }
    co_return out;
}

// A batch that the database refuses is split until the bad one stands alone; the rest is stored.
task<std::vector<rejected_event>> data_api::store_events(const host_principal& who, std::vector<json> all)
{
    std::vector<rejected_event> refused;
    bool is_refused = false;
    std::vector<statement> statements;
    statements.emplace_back(add_events_sql, parameters{who.host().id.to_string(), json(all).dump()});
    try {
        co_await store_.write(who, std::move(statements));
    } catch (const error& why) {
        if (why.code() != "item_refused") throw;
        is_refused = true;
    }
    if (!is_refused) co_return refused;
    if (all.size() == 1) {
        refused.push_back({text_in(all.front(), "id"), "item_refused"});
        co_return refused;
    }
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::vector<json> second(middle, all.end());
    all.erase(middle, all.end());
    refused = {};
    auto of_first = co_await store_events(who, std::move(all));
    auto of_second = co_await store_events(who, std::move(second));
    std::move(of_first.begin(), of_first.end(), std::back_inserter(refused));
    std::move(of_second.begin(), of_second.end(), std::back_inserter(refused));
    co_return refused;
}

std::vector<host_id> data_api::take_seen()
{
    std::vector<host_id> all(seen_.begin(), seen_.end());
    seen_.clear();
    return all;
}

}  // namespace leasehold::router::agents
