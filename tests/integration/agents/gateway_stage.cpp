#include "gateway_stage.hpp"

#include <leasehold/migrations/apply.hpp>
#include <leasehold/migrations/chain.hpp>

#include <deque>
#include <mutex>
#include <utility>

namespace leasehold::test {
namespace {

using namespace router::agents;

// Names for prepared statements: one per text, kept for the program's life.
database::query query_of(const std::string& sql)
{
    static std::mutex guard;
    static std::map<std::string, std::string> names;
    const std::lock_guard held(guard);
    const auto [at, is_new] = names.try_emplace(sql, "staged_" + std::to_string(names.size()));
    return {at->second, at->first};
}

void apply(const scratch_database& into, const migrations::chain& chain)
{
    const auto session = database::connect(into.superuser_endpoint());
    migrations::apply_settings settings;
    settings.applied_by = "run:" + uuid::random().to_string();
    migrations::apply_chain(*session, chain, settings);
}

std::string value_of(const database::endpoint& where, const std::string& sql)
{
    const auto session = database::connect(where);
    const auto rows = session->run_plain_rows(sql);
    return rows.empty() ? std::string() : rows.at(0)[0].value_or("");
}

// The service roles belong to the cluster; whichever test comes first makes them.
void make_registry_roles(const stack_server& on)
{
    const auto session = database::connect(on.superuser_endpoint());
    for (const auto* role : {"control", "router", "migrate"}) {
        session->run_plain(
            std::string("do $$ begin create role leasehold_registry_") + role +
            " nologin; exception when duplicate_object or unique_violation then null; end $$"
        );
    }
}

database::endpoint platform_endpoint(const scratch_database& of)
{
    auto where = of.superuser_endpoint();
    where.search_path = "public, pg_temp";
    return where;
}

}  // namespace

staged_tenant::staged_tenant(std::string name, const stack_server& on)
    : slug(std::move(name))
    , id(tenant_id::random())
    , tid_text(tid::of(id).text())
    , database(on, slug)
{
    apply(database, migrations::tenant_chain());
    pool = std::make_unique<database::pool>(platform_endpoint(database), 4, 2000);
}

std::string staged_tenant::value(const std::string& sql) const
{
    auto where = database.superuser_endpoint();
    where.search_path = "public, pg_temp";
    return value_of(where, sql);
}

staged_fleet::staged_fleet()
    : keys(hmac_keys::make_file_content())
    , registry(the_stack().server("registry"), "agents")
    , acme("acme", the_stack().with_major(15))
    , globex("globex", the_stack().with_major(17))
{
    make_registry_roles(registry.server());
    apply(registry, migrations::registry_chain());
    registry_script("grant leasehold_registry_router to \"" + registry.owner() + "\"");
    for (const auto* tenant : {&acme, &globex}) {
        registry_script(
            "insert into registry_tenant (id, tid, slug, name, created_by) values ('" +
            tenant->id.to_string() + "', '" + tenant->tid_text + "', '" + tenant->slug + "', '" +
            tenant->slug + "', 'test')"
        );
        registry_script(
            "update registry_tenant set state = 'active' where id = '" + tenant->id.to_string() + "'"
        );
    }
    auto where = registry.endpoint();
    where.search_path = "public, pg_temp";
    router_login = std::make_unique<database::pool>(std::move(where), 8, 4000);
}

std::string staged_fleet::registry_value(const std::string& sql) const
{
    auto where = registry.superuser_endpoint();
    where.search_path = "public, pg_temp";
    return value_of(where, sql);
}

void staged_fleet::registry_script(const std::string& sql) const
{
    auto where = registry.superuser_endpoint();
    where.search_path = "public, pg_temp";
    const auto session = database::connect(where);
    session->run_plain(sql);
}

std::string
staged_fleet::make_token(const staged_tenant& of, std::int64_t max_uses, const std::string& approval)
{
    const auto token = make_staged_token(keys, of.id, max_uses, approval);
    registry_script(token.insert);
    return token.text;
}

// -- directory --

std::vector<host_id> staged_ports::enrolling_hosts() const
{
    std::vector<host_id> found;
    const auto rows = leasehold::run(at_.hosts_after(std::nullopt, 10000));
    for (const auto& host : rows) {
        if (host.state == "enrolling") found.push_back(host.id);
    }
    return found;
}

std::optional<tenant_facts> staged_ports::find_tenant(const tenant_id& id) const
{
    registry::route_names names;
    names.tenants.insert(id);
    const auto rows = leasehold::run(at_.read(std::move(names)));
    if (rows.tenants.empty()) return std::nullopt;
    const auto& from = rows.tenants.front();
    tenant_facts facts;
    facts.id = from.id;
    facts.tid = from.tid;
    facts.slug = from.slug;
    facts.name = from.name;
    facts.state = from.state;
    facts.has_placement = true;
    return facts;
}

std::optional<host_facts> staged_ports::find_host(const host_id& id) const
{
    registry::route_names names;
    names.hosts.insert(id);
    const auto rows = leasehold::run(at_.read(std::move(names)));
    if (rows.hosts.empty()) return std::nullopt;
    const auto& from = rows.hosts.front();
    host_facts facts;
    facts.id = from.id;
    facts.tenant = from.tenant;
    facts.name = from.name;
    facts.state = from.state;
    facts.generation = from.generation;
    facts.public_key = from.public_key;
    facts.credential_hmac = from.credential_hmac;
    facts.credential_expires_at = from.credential_expires_at;
    facts.next_hmac = from.next_hmac;
    facts.next_expires_at = from.next_expires_at;
    facts.previous_hmac = from.previous_hmac;
    facts.promoted_at = from.promoted_at;
    facts.confirmed_at = from.confirmed_at;
    return facts;
}

named_tenant staged_ports::find_name(std::string_view name) const
{
    named_tenant named;
    for (const auto* tenant : {&fleet_.acme, &fleet_.globex}) {
        if (name != tenant->slug + ".example.com") continue;
        named.is_key = true;
        named.tenant = tenant->id;
    }
    return named;
}

// -- the tenants' databases --

task<std::vector<query_result>>
staged_ports::run(tenant_id tenant, role_class, std::vector<statement> statements)
{
    auto& at = tenant == fleet_.acme.id ? fleet_.acme : fleet_.globex;
    if (tenant != at.id) throw error(error_kind::internal, "placement_mismatch", "no such tenant here");
    if (at.is_away) throw error(error_kind::unavailable, "server_unavailable", "the server is away");
    try {
        co_return co_await at.pool->run([&](database::transaction& tx) {
            std::vector<query_result> results;
            for (const auto& one : statements) {
                database::params with;
                for (const auto& value : one.values) with.emplace_back(value);
                query_result result;
                for (const auto& row : tx.query_rows(query_of(one.sql), with)) {
                    std::vector<std::optional<std::string>> fields;
                    for (std::size_t i = 0; i < row.size(); ++i) fields.push_back(row[i]);
                    result.rows.push_back(std::move(fields));
                }
                results.push_back(std::move(result));
            }
            return results;
        });
    } catch (const database::sql_error& why) {
        throw sql_refused(why.kind(), why.code(), why.what(), why.sqlstate());
    }
}

// -- the registry --

void staged_registry::check() const
{
    if (fleet_.is_registry_away)
        throw error(error_kind::unavailable, "registry_unavailable", "the registry is away");
}

task<redeemed> staged_registry::redeem(redeem_request what)
{
    check();
    auto told = co_await registry_calls::redeem(std::move(what));
    if (dies_after_step == 3) throw error(error_kind::internal, "died", "after step 3");
    co_return told;
}

task<host_outcome> staged_registry::enrolled(
    host_id host, std::string hmac, wall_time expires_at, std::string source_ip, std::string request_id
)
{
    if (dies_after_step == 4) throw error(error_kind::internal, "died", "after step 4");
    check();
    auto told = co_await registry_calls::enrolled(
        host, std::move(hmac), expires_at, std::move(source_ip), std::move(request_id)
    );
    if (dies_after_step == 5) throw error(error_kind::internal, "died", "after step 5");
    co_return told;
}

// -- the agent's side --

http::incoming
agent_call(http::method verb, const std::string& path, const std::string& bearer, const std::string& body)
{
    http::incoming what(verb, "/agent/v1" + path);
    what.verb_text = http::to_text(verb);
    what.peer = "127.0.0.1";
    what.body = body;
    what.fields.set("Host", "agents.example.com");
    what.fields.set("Authorization", "Bearer " + bearer);
    if (!body.empty()) what.fields.set("Content-Type", "application/json");
    return what;
}

staged_token make_staged_token(
    const hmac_keys& keys, const tenant_id& tenant, std::int64_t max_uses, const std::string& approval
)
{
    const auto made = credential::make(credential_type::enrollment, uuid::random());
    return {
        std::string(made.to_text().reveal()),
        "insert into public.registry_enrollment_token (id, tenant_id, label, secret_hmac, expires_at, "
        "max_uses, approval, created_by) values ('" +
            made.id.to_string() + "', '" + tenant.to_string() + "', 'test', '" +
            keys.stored_form(made.secret_part.reveal()) + "', now() + interval '1 day', " +
            std::to_string(max_uses) + ", '" + approval + "', 'test')"};
}

http::incoming staged_machine::enrollment(const std::string& token) const
{
    const nlohmann::json body{
        {"name", name},
        {"fqdn", fqdn},
        {"machine_hint", machine_hint},
        {"public_key", crypto::to_base64(pair.public_key)}};
    auto what = agent_call(http::method::post, "/enroll", token, body.dump());
    const auto hex = [](std::string_view text) { return crypto::to_hex(crypto::view(crypto::sha256(text))); };
    const auto text = "leasehold-enroll-1\n" + hex(token) + "\n" + hex(what.body);
    what.fields.set("Leasehold-Signature", crypto::to_base64(crypto::ed25519_sign(pair.seed.reveal(), text)));
    return what;
}

}  // namespace leasehold::test
