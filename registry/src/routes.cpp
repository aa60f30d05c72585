#include "columns.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/registry/routes.hpp>

#include <charconv>

namespace leasehold::registry {
namespace {

using database::query;
using database::row;
using database::to_array;
using database::transaction;

// -- this process --

constexpr query register_one{"router_register", R"(
    select number, epoch, installation::text as installation
      from public.registry_router_register($1::uuid, 'router', $2, $3, '{}'::jsonb, $4::bigint, $5, $6))"};

constexpr query on_machine{
    "routers_of", "select id::text as id, process from public.registry_routers_of($1)"};

constexpr query beat_one{"router_beat", "select known from public.registry_router_beat($1::uuid, $2::jsonb)"};

constexpr query acknowledge_to{
    "router_ack", "select public.registry_router_ack($1::uuid, $2::bigint, $3::bigint[]) as known"};

constexpr query deregister_one{"router_deregister", "select public.registry_router_deregister($1::uuid)"};

constexpr query audit_one{"router_audit", R"(
    select public.registry_router_audit($1::uuid, $2, $3::uuid, $4, $5, $6::inet, $7, $8::jsonb))"};

// -- feed --

// Snapshot and rows in one statement: what the snapshot does not show is a gap of exactly this snapshot.
#define LEASEHOLD_CHANGES                                                                                    \
    "select pg_snapshot_xmin(s.now)::text as xmin, pg_snapshot_xmax(s.now)::text as xmax, "                  \
    "(select min(id) from public.registry_change) as oldest, "                                               \
    "(select value #>> '{}' from public.registry_route_setting where key = 'installation') as "              \
    "installation, c.id, c.kind, c.tenant_id, c.payload::text as payload "                                   \
    "from (select pg_current_snapshot() as now) s left join "

constexpr query changes_after{"changes_after", LEASEHOLD_CHANGES R"(
      (select * from public.registry_change where id = any($2::bigint[]) union all
       (select * from public.registry_change where id > $1::bigint order by id limit $3::bigint)) c on true
     order by c.id)"};

constexpr query changes_newest{"changes_newest", LEASEHOLD_CHANGES R"(
      (select * from public.registry_change order by id desc limit $1::bigint) c on true order by c.id)"};

// -- rows --

#define LEASEHOLD_TENANTS                                                                                    \
    "select id, tid, slug, name, state, generation, paused_at is not null as is_paused, edition, "           \
    "limits::text as limits, settings::text as settings, server_id, tier, placement_name, database, "        \
    "schema, "                                                                                               \
    "placement_generation, schema_version from public.registry_route_tenant "
#define LEASEHOLD_SERVERS                                                                                    \
    "select id, name, addresses::text as addresses, sslmode, ca, broker_config, connection_budget, state "   \
    "from public.registry_route_server "
#define LEASEHOLD_DOMAINS "select domain, tenant_id, upstream from public.registry_route_domain "
#define LEASEHOLD_KEYS                                                                                       \
    "select id, tenant_id, role, secret_hmac, scram_verifier, expires_at, revoked_at from "                  \
    "public.registry_route_key "
#define LEASEHOLD_HOSTS                                                                                      \
    "select id, tenant_id, name, state, generation, encode(public_key, 'hex') as public_key, "               \
    "credential_hmac, "                                                                                      \
    "credential_expires_at, next_hmac, next_expires_at, previous_hmac, promoted_at, confirmed_at "           \
    "from public.registry_route_host "
#define LEASEHOLD_TOKENS "select id, tenant_id from public.registry_route_token "
#define LEASEHOLD_PAGE "where ($1::uuid is null or id > $1::uuid) order by id limit $2::bigint"

constexpr query tenants_named{"route_tenants_named", LEASEHOLD_TENANTS "where id = any($1::uuid[])"};
constexpr query tenants_page{"route_tenants_page", LEASEHOLD_TENANTS LEASEHOLD_PAGE};
constexpr query servers_named{"route_servers_named", LEASEHOLD_SERVERS "where id = any($1::uuid[])"};
constexpr query servers_all{"route_servers_all", LEASEHOLD_SERVERS};
constexpr query domains_named{"route_domains_named", LEASEHOLD_DOMAINS "where domain = any($1::text[])"};
constexpr query domains_page{
    "route_domains_page", LEASEHOLD_DOMAINS "where domain > $1 order by domain limit $2::bigint"};
constexpr query keys_named{"route_keys_named", LEASEHOLD_KEYS "where id = any($1::uuid[])"};
constexpr query keys_page{"route_keys_page", LEASEHOLD_KEYS LEASEHOLD_PAGE};
constexpr query hosts_named{"route_hosts_named", LEASEHOLD_HOSTS "where id = any($1::uuid[])"};
constexpr query hosts_page{"route_hosts_page", LEASEHOLD_HOSTS LEASEHOLD_PAGE};
constexpr query tokens_named{"route_tokens_named", LEASEHOLD_TOKENS "where id = any($1::uuid[])"};
constexpr query tokens_page{"route_tokens_page", LEASEHOLD_TOKENS LEASEHOLD_PAGE};
constexpr query read_license{
    "route_license", "select document, high_water_time from public.registry_route_license"};
constexpr query read_settings{
    "route_settings", "select key, value::text as value from public.registry_route_setting"};

// -- credentials --

constexpr query stamp_keys{"route_keys_used", "select public.registry_keys_used($1::uuid[])"};
constexpr query stamp_hosts{"route_hosts_seen", "select public.registry_hosts_seen($1::uuid[])"};

constexpr query redeem_token{"route_redeem", R"(
    select outcome, host_id, host_name, host_state, tenant_id, tid, tenant_name, approval, tags::text as tags, replayed
      from public.registry_redeem($1::uuid, $2::text[], decode($3, 'hex'), $4, $5, $6::inet, $7::uuid[], $8::bigint,
                                  $9::bigint, $10, $11))"};

constexpr query enrolled_host{"route_host_enrolled", R"(
    select outcome, host_state, generation
      from public.registry_host_enrolled($1::uuid, $2, $3::timestamptz, $4::inet, $5))"};

constexpr query renew_host{"route_host_renew", R"(
    select outcome, host_state, generation
      from public.registry_host_renew($1::uuid, $2::bigint, $3, $4::timestamptz, decode($5, 'hex'),
                                      make_interval(secs => $6::float8), $7::inet, $8))"};

constexpr query promote_host{"route_host_promote", R"(
    select outcome, host_state, generation from public.registry_host_promote($1::uuid, $2::text[]))"};

constexpr query lock_host{"route_host_lock", R"(
    select outcome, host_state, null::bigint as generation
      from public.registry_host_lock($1::uuid, $2, $3::inet, $4, $5::jsonb))"};

constexpr query expire_enrollments{"route_enrollments_expire", R"(
    select public.registry_enrollments_expire(make_interval(secs => $1::float8)) as gone)"};

// -- reading --

template <class Id>
std::string to_ids(const Id& ids)
{
    std::vector<std::string> texts;
    texts.reserve(ids.size());
    for (const auto& id : ids) texts.push_back(id.to_string());
    return to_array(texts);
}

std::string text_of(const row& from, std::string_view column)
{
    return from.find<std::string>(column).value_or("");
}

std::uint64_t number_of(const row& from, std::string_view column)
{
    const auto text = from.get<std::string>(column);
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

route_tenant to_tenant(const row& from)
{
    route_tenant found;
    found.id = from.get<tenant_id>("id");
    found.tid = from.get<std::string>("tid");
    found.slug = from.get<std::string>("slug");
    found.name = from.get<std::string>("name");
    found.state = from.get<std::string>("state");
    found.generation = from.get<std::int64_t>("generation");
    found.is_paused = from.get<bool>("is_paused");
    found.edition = from.get<std::string>("edition");
    found.limits = read_json(from, "limits");
    found.settings = read_json(from, "settings");
    found.schema_version = from.find<std::int64_t>("schema_version").value_or(0);
    if (const auto server = from.find<server_id>("server_id")) {
        route_placement where;
        where.server = *server;
        where.generation = from.get<std::int64_t>("placement_generation");
        where.tier = from.get<std::string>("tier");
        where.name = from.get<std::string>("placement_name");
        where.database = from.get<std::string>("database");
        where.schema = from.get<std::string>("schema");
        found.placement = std::move(where);
    }
    return found;
}

route_server to_server(const row& from)
{
    route_server found;
    found.id = from.get<server_id>("id");
    found.name = from.get<std::string>("name");
    for (const auto& one : read_json(from, "addresses")) found.addresses.push_back(one.get<std::string>());
    found.sslmode = from.get<std::string>("sslmode");
    found.ca = text_of(from, "ca");
    found.broker_config = text_of(from, "broker_config");
    found.connection_budget = from.get<std::int64_t>("connection_budget");
    found.state = from.get<std::string>("state");
    return found;
}

route_domain to_domain(const row& from)
{
    route_domain found;
    found.domain = from.get<std::string>("domain");
    found.tenant = from.get<tenant_id>("tenant_id");
    found.upstream = text_of(from, "upstream");
    return found;
}

route_key to_key(const row& from)
{
    route_key found;
    found.id = from.get<key_id>("id");
    found.tenant = from.get<tenant_id>("tenant_id");
    found.role = from.get<std::string>("role");
    found.secret_hmac = from.get<std::string>("secret_hmac");
    found.scram_verifier = text_of(from, "scram_verifier");
    found.expires_at = from.find<wall_time>("expires_at");
    found.revoked_at = from.find<wall_time>("revoked_at");
    return found;
}

// bytea comes as hexadecimal text.
std::string from_hex(const std::string& text)
{
    std::string raw;
    for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
        unsigned value = 0;
        std::from_chars(text.data() + at, text.data() + at + 2, value, 16);
        raw.push_back(static_cast<char>(value));
    }
    return raw;
}

route_host to_host(const row& from)
{
    route_host found;
    found.id = from.get<host_id>("id");
    found.tenant = from.get<tenant_id>("tenant_id");
    found.name = from.get<std::string>("name");
    found.state = from.get<std::string>("state");
    found.generation = from.get<std::int64_t>("generation");
    found.public_key = from_hex(text_of(from, "public_key"));
    found.credential_hmac = text_of(from, "credential_hmac");
    found.credential_expires_at = from.find<wall_time>("credential_expires_at");
    found.next_hmac = text_of(from, "next_hmac");
    found.next_expires_at = from.find<wall_time>("next_expires_at");
    found.previous_hmac = text_of(from, "previous_hmac");
    found.promoted_at = from.find<wall_time>("promoted_at");
    found.confirmed_at = from.find<wall_time>("confirmed_at");
    return found;
}

route_token to_token(const row& from)
{
    route_token found;
    found.id = from.get<token_id>("id");
    found.tenant = from.get<tenant_id>("tenant_id");
    return found;
}

template <class Record>
std::vector<Record> to_records(const std::vector<row>& rows, Record (*convert)(const row&))
{
    std::vector<Record> records;
    records.reserve(rows.size());
    for (const auto& one : rows) records.push_back(convert(one));
    return records;
}

change_page to_page(const std::vector<row>& rows)
{
    change_page page;
    for (const auto& one : rows) {
        page.xmin = number_of(one, "xmin");
        page.xmax = number_of(one, "xmax");
        page.oldest = one.find<std::int64_t>("oldest").value_or(0);
        page.installation = one.get<installation_id>("installation");
        const auto id = one.find<std::int64_t>("id");
        if (!id) continue;  // the outer join's row: nothing there
        change_row change;
        change.id = *id;
        change.kind = one.get<std::string>("kind");
        change.tenant = one.find<tenant_id>("tenant_id");
        change.payload = read_json(one, "payload");
        page.rows.push_back(std::move(change));
    }
    return page;
}

host_change to_host_change(const row& from)
{
    host_change change;
    change.outcome = from.get<std::string>("outcome");
    change.state = text_of(from, "host_state");
    change.generation = from.find<std::int64_t>("generation").value_or(0);
    return change;
}

std::optional<std::string> hex_or_null(const std::optional<std::string>& raw)
{
    if (!raw) return std::nullopt;
    return crypto::to_hex(*raw);
}

double to_seconds(std::chrono::milliseconds span)
{
    return std::chrono::duration<double>(span).count();
}

router_registration register_in(transaction& tx, router_id id, const router_facts& facts)
{
    const auto told =
        tx.get_one(register_one, id, facts.address, facts.version, facts.lanes, facts.machine, facts.process);
    router_registration made;
    made.number = static_cast<std::uint8_t>(told.get<int>("number"));
    made.epoch = told.get<std::int64_t>("epoch");
    made.installation = told.get<installation_id>("installation");
    return made;
}

}  // namespace

router_registration routes::register_router(router_id id, const router_facts& facts)
{
    return pool_.run_blocking([&](transaction& tx) { return register_in(tx, id, facts); });
}

task<router_registration> routes::register_again(router_id id, router_facts facts)
{
    co_return co_await pool_.run([&](transaction& tx) { return register_in(tx, id, facts); });
}

std::map<router_id, std::string> routes::routers_of(const std::string& machine)
{
    return pool_.run_blocking([&](transaction& tx) {
        std::map<router_id, std::string> found;
        for (const auto& row : tx.find_all(on_machine, machine))
            found.emplace(row.get<router_id>("id"), row.get<std::string>("process"));
        return found;
    });
}

task<bool> routes::beat(router_id id, nlohmann::json slots)
{
    const auto text = slots.dump();
    co_return co_await pool_.run([&](transaction& tx) {
        return tx.get_one(beat_one, id, text).get<bool>("known");
    });
}

task<bool> routes::acknowledge(router_id id, std::int64_t applied, std::vector<std::int64_t> gaps)
{
    std::string list = "{";
    for (const auto gap : gaps) list += (list.size() > 1 ? "," : "") + std::to_string(gap);
    list += "}";
    co_return co_await pool_.run([&](transaction& tx) {
        return tx.get_one(acknowledge_to, id, applied, list).get<bool>("known");
    });
}

void routes::deregister(router_id id)
{
    pool_.run_blocking([&](transaction& tx) { tx.find_all(deregister_one, id); });
}

task<void> routes::audit(router_id id, router_event what)
{
    const auto detail = what.detail.dump();
    co_await pool_.run([&](transaction& tx) {
        tx.find_all(
            audit_one,
            id,
            what.action,
            what.tenant,
            what.target,
            text_or_null(what.request_id),
            text_or_null(what.source_ip),
            what.outcome,
            detail
        );
    });
}

task<change_page> routes::changes(std::int64_t after, std::vector<std::int64_t> gaps, int limit)
{
    std::string list = "{";
    for (const auto gap : gaps) list += (list.size() > 1 ? "," : "") + std::to_string(gap);
    list += "}";
    co_return co_await pool_.run([&](transaction& tx) {
        return to_page(tx.find_all(changes_after, after, list, limit));
    });
}

task<change_page> routes::newest_changes(int limit)
{
    co_return co_await pool_.run([&](transaction& tx) { return to_page(tx.find_all(changes_newest, limit)); }
    );
}

task<route_rows> routes::read(route_names names)
{
    co_return co_await pool_.run([&](transaction& tx) {
        route_rows found;
        if (!names.tenants.empty())
            found.tenants = to_records(tx.find_all(tenants_named, to_ids(names.tenants)), to_tenant);
        if (!names.servers.empty())
            found.servers = to_records(tx.find_all(servers_named, to_ids(names.servers)), to_server);
        if (!names.keys.empty()) found.keys = to_records(tx.find_all(keys_named, to_ids(names.keys)), to_key);
        if (!names.hosts.empty())
            found.hosts = to_records(tx.find_all(hosts_named, to_ids(names.hosts)), to_host);
        if (!names.tokens.empty())
            found.tokens = to_records(tx.find_all(tokens_named, to_ids(names.tokens)), to_token);
        if (!names.domains.empty()) {
            const std::vector<std::string> domains(names.domains.begin(), names.domains.end());
            found.domains = to_records(tx.find_all(domains_named, to_array(domains)), to_domain);
        }
        return found;
    });
}

task<std::vector<route_tenant>> routes::tenants_after(std::optional<tenant_id> after, int limit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return to_records(tx.find_all(tenants_page, after, limit), to_tenant);
    });
}

task<std::vector<route_key>> routes::keys_after(std::optional<key_id> after, int limit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return to_records(tx.find_all(keys_page, after, limit), to_key);
    });
}

task<std::vector<route_host>> routes::hosts_after(std::optional<host_id> after, int limit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return to_records(tx.find_all(hosts_page, after, limit), to_host);
    });
}

task<std::vector<route_token>> routes::tokens_after(std::optional<token_id> after, int limit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return to_records(tx.find_all(tokens_page, after, limit), to_token);
    });
}

task<std::vector<route_domain>> routes::domains_after(std::string after, int limit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return to_records(tx.find_all(domains_page, after, limit), to_domain);
    });
}

task<std::vector<route_server>> routes::servers()
{
    co_return co_await pool_.run([&](transaction& tx) {
        return to_records(tx.find_all(servers_all), to_server);
    });
}

task<route_license> routes::license()
{
    co_return co_await pool_.run([&](transaction& tx) {
        const auto found = tx.get_one(read_license);
        route_license installed;
        installed.document = found.find<std::string>("document");
        installed.high_water_time = found.get<wall_time>("high_water_time");
        return installed;
    });
}

task<std::map<std::string, nlohmann::json>> routes::settings()
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::map<std::string, nlohmann::json> found;
        for (const auto& one : tx.find_all(read_settings)) {
            found.emplace(one.get<std::string>("key"), read_json(one, "value"));
        }
        return found;
    });
}

task<void> routes::keys_used(std::vector<key_id> keys)
{
    const auto ids = to_ids(keys);
    co_await pool_.run([&](transaction& tx) { tx.find_all(stamp_keys, ids); });
}

task<void> routes::hosts_seen(std::vector<host_id> hosts)
{
    const auto ids = to_ids(hosts);
    co_await pool_.run([&](transaction& tx) { tx.find_all(stamp_hosts, ids); });
}

task<redeem_outcome> routes::redeem(redeem_parameters what)
{
    const auto hmacs = to_array(what.secret_hmacs);
    const auto public_key = crypto::to_hex(what.public_key);
    std::optional<std::string> named;
    if (what.named_tenants) named = to_ids(*what.named_tenants);
    co_return co_await pool_.run([&](transaction& tx) {
        const auto told = tx.get_one(
            redeem_token,
            what.token,
            hmacs,
            public_key,
            what.name,
            text_or_null(what.machine_hint),
            text_or_null(what.source_ip),
            named,
            what.max_hosts,
            what.license_max_hosts,
            what.license_refusal,
            text_or_null(what.request_id)
        );
        redeem_outcome made;
        made.outcome = told.get<std::string>("outcome");
        made.host = told.find<host_id>("host_id").value_or(host_id());
        made.host_name = text_of(told, "host_name");
        made.host_state = text_of(told, "host_state");
        made.tenant = told.find<tenant_id>("tenant_id").value_or(tenant_id());
        made.tid = text_of(told, "tid");
        made.tenant_name = text_of(told, "tenant_name");
        made.approval = text_of(told, "approval");
        made.tags = text_of(told, "tags");
        made.is_replay = told.get<bool>("replayed");
        return made;
    });
}

task<host_change> routes::host_enrolled(
    host_id host,
    std::string credential_hmac,
    wall_time expires_at,
    std::string source_ip,
    std::string request_id
)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return to_host_change(tx.get_one(
            enrolled_host,
            host,
            credential_hmac,
            expires_at,
            text_or_null(source_ip),
            text_or_null(request_id)
        ));
    });
}

task<host_change> routes::host_renew(
    host_id host,
    std::int64_t generation,
    std::string next_hmac,
    wall_time next_expires_at,
    std::optional<std::string> public_key,
    std::chrono::milliseconds max_offline,
    std::string source_ip,
    std::string request_id
)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return to_host_change(tx.get_one(
            renew_host,
            host,
            generation,
            next_hmac,
            next_expires_at,
            hex_or_null(public_key),
            to_seconds(max_offline),
            text_or_null(source_ip),
            text_or_null(request_id)
        ));
    });
}

task<host_change> routes::host_promote(host_id host, std::vector<std::string> hmacs)
{
    const auto list = to_array(hmacs);
    co_return co_await pool_.run([&](transaction& tx) {
        return to_host_change(tx.get_one(promote_host, host, list));
    });
}

task<host_change> routes::host_lock(
    host_id host, std::string reason, std::string source_ip, std::string request_id, std::string detail
)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return to_host_change(tx.get_one(
            lock_host, host, reason, text_or_null(source_ip), text_or_null(request_id), text_or_null(detail)
        ));
    });
}

task<std::int64_t> routes::enrollments_expire(std::chrono::milliseconds age)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return tx.get_one(expire_enrollments, to_seconds(age)).get<std::int64_t>("gone");
    });
}

}  // namespace leasehold::registry
