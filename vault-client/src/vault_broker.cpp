#include "engines.hpp"
#include "exchange.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

namespace leasehold::vault_client {
namespace {

constexpr std::size_t creds_limit = 64U << 10U;
constexpr std::size_t longest_token = 4096;
constexpr std::size_t longest_username = 63;
constexpr std::size_t longest_password = 1024;
constexpr std::size_t most_statements = 32;
constexpr std::size_t longest_statement = 16U << 10U;

// Percent-encoding of a query value.
std::string encoded(std::string_view text)
{
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
            result += c;
        } else {
            result += '%';
            result += hex[byte >> 4U];
            result += hex[byte & 15U];
        }
    }
    return result;
}

std::string query_of(const page_start& from)
{
    std::string query = "limit=" + std::to_string(from.limit());
    if (!from.after().empty()) query += "&after=" + encoded(from.after());
    return query;
}

// OpenBAO cuts a list at the limit. Vault ignores it and gives all.
template <class T>
std::optional<page_start>
next_of(const page_start& from, const std::vector<std::string>& keys, const std::vector<T>&)
{
    if (from.limit() <= 0 || keys.size() != static_cast<std::size_t>(from.limit())) return std::nullopt;
    return page_start(keys.back(), from.limit());
}

class vault_broker final : public broker
{
public:
    vault_broker(broker_settings settings, const clock_source& clock, metrics& into)
        : exchange_(std::move(settings), clock, into)
    {}

    void use_token(std::shared_ptr<const secret<std::string>> token) override
    {
        exchange_.use_token(std::move(token));
    }

    void use_ca_file(const std::string& file) override { exchange_.use_ca_file(file); }

    task<health_report> health() override
    {
        auto report = co_await exchange_.health();
        co_return report;
    }

    task<token_grant>
    login_approle(mount_name mount, std::string role_id, const secret<std::string>& secret_id) override;
    task<token_facts> lookup_self() override;
    task<term> renew_self(seconds increment) override;
    task<void> revoke_self() override;
    task<std::map<std::string, std::vector<std::string>>> capabilities_self(std::vector<std::string> paths
    ) override;

    task<issued> issue(broker_role name, write_index after) override;
    task<term> renew(lease_id id, seconds increment) override;
    task<void> revoke(lease_id id, completion how) override;
    task<void> revoke_prefix(broker_role name, completion how) override;
    task<page<lease_id>> list_leases(broker_role name, page_start from) override;
    task<std::vector<irrevocable_lease>> list_irrevocable() override;

    task<write_index> put_role(broker_role name, const role_terms& terms) override;
    task<std::optional<role_terms>> get_role(broker_role name) override;
    task<void> delete_role(broker_role name) override;
    task<page<broker_role>> list_roles(page_start from) override;

    task<std::optional<kv_entry>> get_kv(kv_path path) override
    {
        auto entry = co_await engines::get_kv(exchange_, path);
        co_return entry;
    }
    task<int> put_kv(
        kv_path path, const std::map<std::string, secret<std::string>>& data, std::optional<int> cas
    ) override
    {
        co_return co_await engines::put_kv(exchange_, path, data, cas);
    }
    task<void> delete_kv(kv_path path) override { co_await engines::delete_kv(exchange_, path); }

    task<std::optional<std::map<int, std::string>>> get_transit_key(transit_key name) override;

private:
    [[nodiscard]] std::string role_path(const broker_role& name) const
    {
        return exchange_.settings().mounts.database + "/roles/" + name.text();
    }
    [[nodiscard]] std::string creds_path(const broker_role& name) const
    {
        return exchange_.settings().mounts.database + "/creds/" + name.text();
    }

    exchange exchange_;
};

token_grant grant_from(answer& got)
{
    auto auth = fields(got.body).object("auth");
    token_grant grant;
    grant.token = auth.secret_text("client_token", longest_token);
    if (grant.token.empty()) refuse_answer("client_token", "is empty");
    grant.policies = auth.texts("policies", 256, 256);
    grant.ttl = auth.span("lease_duration");
    grant.renewable = auth.flag_or("renewable", false);
    grant.orphan = auth.flag_or("orphan", false);
    grant.is_service = auth.text_or("token_type", 32, "service") == "service";
    grant.uses = static_cast<int>(auth.integer_or("num_uses", 0));
    grant.asked_at = got.asked_at;
    return grant;
}

task<token_grant>
vault_broker::login_approle(mount_name mount, std::string role_id, const secret<std::string>& secret_id)
{
    secret_body body;
    body.add("role_id", role_id);
    body.add("secret_id", secret_id.reveal());
    call what(call_kind::login, http::method::post, "auth/" + mount.text() + "/login");
    what.wants_token = false;
    what.is_secret = true;
    what.body = body.take();
    auto got = co_await exchange_.send(std::move(what));
    if (got.absent) throw error(failure::login_refused, "there is no such auth mount: " + mount.text());
    auto grant = grant_from(got);
    co_return grant;
}

task<token_facts> vault_broker::lookup_self()
{
    call what(call_kind::lookup_self, http::method::get, "auth/token/lookup-self");
    what.is_secret = true;
    auto got = co_await exchange_.send(std::move(what));
    auto data = engines::data_of(got);
    token_facts facts;
    facts.ttl = data.span("ttl");
    facts.period = data.span_or_zero("period");
    facts.explicit_max_ttl = data.span_or_zero("explicit_max_ttl");
    facts.uses = static_cast<int>(data.integer_or("num_uses", 0));
    facts.orphan = data.flag_or("orphan", false);
    facts.renewable = data.flag_or("renewable", false);  // a root token says nothing of it
    facts.is_service = data.text_or("type", 32, "service") == "service";
    facts.policies = data.texts("policies", 256, 256);
    facts.asked_at = got.asked_at;
    if (data.has("id")) {
        const auto own = data.secret_text("id", longest_token);  // the token itself: taken out and wiped
    }
    co_return facts;
}

task<term> vault_broker::renew_self(seconds increment)
{
    call what(call_kind::renew_self, http::method::post, "auth/token/renew-self");
    what.body = json{{"increment", increment.count()}}.dump();
    what.is_secret = true;
    auto got = co_await exchange_.send(std::move(what));
    const auto grant = grant_from(got);
    term result;
    result.duration = grant.ttl;
    result.renewable = grant.renewable;
    result.asked_at = grant.asked_at;
    co_return result;
}

task<void> vault_broker::revoke_self()
{
    call what(call_kind::revoke_self, http::method::post, "auth/token/revoke-self");
    co_await exchange_.send(std::move(what));
}

task<std::map<std::string, std::vector<std::string>>>
vault_broker::capabilities_self(std::vector<std::string> paths)
{
    call what(call_kind::capabilities, http::method::post, "sys/capabilities-self");
    what.body = json{{"paths", paths}}.dump();
    auto got = co_await exchange_.send(std::move(what));
    auto data = engines::data_of(got);
    std::map<std::string, std::vector<std::string>> result;
    for (const auto& path : paths) result.emplace(path, data.texts(path, 32, 32));
    co_return result;
}

task<issued> vault_broker::issue(broker_role name, write_index after)
{
    call what(call_kind::issue, http::method::get, creds_path(name));
    what.is_secret = true;
    what.answer_limit = creds_limit;
    what.index = std::move(after);
    auto got = co_await exchange_.send(std::move(what));
    if (got.absent) throw error(failure::role_unknown, name.text());
    fields top(got.body);
    auto data = top.object("data");
    auto id = lease_id::parse(top.text("lease_id", 512));
    if (!id) refuse_answer("lease_id", "is none");
    issued result{
        .id = *id,
        .role = name,
        .username = data.text("username", longest_username),
        .password = data.secret_text("password", longest_password),
        .duration = top.span("lease_duration"),
        .renewable = top.flag("renewable"),
        .asked_at = got.asked_at,
    };
    if (result.username.empty()) refuse_answer("username", "is empty");
    if (result.password.empty()) refuse_answer("password", "is empty");
    co_return result;
}

task<term> vault_broker::renew(lease_id id, seconds increment)
{
    call what(call_kind::renew, http::method::post, "sys/leases/renew");
    what.body = json{{"lease_id", id.text()}, {"increment", increment.count()}}.dump();
    auto got = co_await exchange_.send(std::move(what));
    if (got.absent) throw error(failure::lease_gone, id.fingerprint());
    fields top(got.body);
    term result;
    result.duration = top.span("lease_duration");
    result.renewable = top.flag("renewable");
    result.asked_at = got.asked_at;
    co_return result;
}

task<void> vault_broker::revoke(lease_id id, completion how)
{
    call what(call_kind::revoke, http::method::post, "sys/leases/revoke");
    what.body = json{{"lease_id", id.text()}, {"sync", how == completion::done}}.dump();
    if (how == completion::done) what.timeout = exchange_.settings().sync_timeout;
    co_await exchange_.send(std::move(what));
}

task<void> vault_broker::revoke_prefix(broker_role name, completion how)
{
    call what(call_kind::revoke_prefix, http::method::post, "sys/leases/revoke-prefix/" + creds_path(name));
    what.body = json{{"sync", how == completion::done}}.dump();
    if (how == completion::done) what.timeout = exchange_.settings().sync_timeout;
    co_await exchange_.send(std::move(what));
}

task<page<lease_id>> vault_broker::list_leases(broker_role name, page_start from)
{
    call what(call_kind::list_leases, http::method::list, "sys/leases/lookup/" + creds_path(name));
    what.query = query_of(from);
    auto got = co_await exchange_.send(std::move(what));
    page<lease_id> result;
    if (got.absent) co_return result;
    const auto keys = engines::keys_of(got);
    for (const auto& key : keys) {
        auto id = lease_id::parse(creds_path(name) + "/" + key);
        if (!id) refuse_answer("keys", "holds no lease id");
        result.items.push_back(std::move(*id));
    }
    result.next = next_of(from, keys, result.items);
    co_return result;
}

task<std::vector<irrevocable_lease>> vault_broker::list_irrevocable()
{
    call what(call_kind::irrevocable, http::method::get, "sys/leases");
    what.query = "type=irrevocable";
    auto got = co_await exchange_.send(std::move(what));
    std::vector<irrevocable_lease> result;
    if (got.absent) co_return result;
    auto data = engines::data_of(got);
    if (!data.has("leases")) co_return result;
    auto& leases = data.raw()["leases"];
    if (!leases.is_array()) refuse_answer("leases", "is no list");
    for (auto& one : leases) {
        fields of(one);
        auto id = lease_id::parse(of.text("lease_id", 512));
        if (!id) refuse_answer("lease_id", "is none");
        const auto why = of.text_or("error", 64U << 10U, "");
        result.push_back(irrevocable_lease{.id = *id, .error = redact(why)});
    }
    co_return result;
}

task<write_index> vault_broker::put_role(broker_role name, const role_terms& terms)
{
    if (!terms.server)
        throw leasehold::error(
            error_kind::invalid, "broker_name_invalid", "a role needs its database config"
        );
    call what(call_kind::role, http::method::post, role_path(name));
    what.body =
        json{
            {"db_name", terms.server->text()},
            {"creation_statements", terms.creation_statements},
            {"revocation_statements", terms.revocation_statements},
            {"renew_statements", terms.renew_statements},
            {"default_ttl", terms.default_ttl.count()},
            {"max_ttl", terms.max_ttl.count()},
        }
            .dump();
    auto got = co_await exchange_.send(std::move(what));
    co_return write_index(got.index);
}

task<std::optional<role_terms>> vault_broker::get_role(broker_role name)
{
    call what(call_kind::role, http::method::get, role_path(name));
    auto got = co_await exchange_.send(std::move(what));
    if (got.absent) co_return std::nullopt;
    auto data = engines::data_of(got);
    role_terms terms;
    terms.server = config_name::parse(data.text("db_name", 256));
    terms.creation_statements = data.texts("creation_statements", most_statements, longest_statement);
    terms.revocation_statements = data.texts("revocation_statements", most_statements, longest_statement);
    terms.renew_statements = data.texts("renew_statements", most_statements, longest_statement);
    terms.default_ttl = data.span("default_ttl");
    terms.max_ttl = data.span("max_ttl");
    co_return terms;
}

task<void> vault_broker::delete_role(broker_role name)
{
    call what(call_kind::role, http::method::del, role_path(name));
    co_await exchange_.send(std::move(what));
}

task<page<broker_role>> vault_broker::list_roles(page_start from)
{
    call what(call_kind::role, http::method::list, exchange_.settings().mounts.database + "/roles");
    what.query = query_of(from);
    auto got = co_await exchange_.send(std::move(what));
    page<broker_role> result;
    if (got.absent) co_return result;
    const auto keys = engines::keys_of(got);
    for (const auto& key : keys) {
        // A role somebody else made under a name of his own kind is none of ours.
        if (auto role = broker_role::parse(key)) result.items.push_back(std::move(*role));
    }
    result.next = next_of(from, keys, result.items);
    co_return result;
}

task<std::optional<std::map<int, std::string>>> vault_broker::get_transit_key(transit_key name)
{
    call what(
        call_kind::transit, http::method::get, exchange_.settings().mounts.transit + "/keys/" + name.text()
    );
    auto got = co_await exchange_.send(std::move(what));
    if (got.absent) co_return std::nullopt;
    auto versions = engines::data_of(got).object("keys");
    std::map<int, std::string> result;
    for (auto& [number, value] : versions.raw().items()) {
        fields of(value);
        result.emplace(std::stoi(number), of.text("public_key", 8192));
    }
    co_return result;
}

}  // namespace

std::string_view to_text(node_state value) noexcept
{
    switch (value) {
    case node_state::active:
        return "active";
    case node_state::standby:
        return "standby";
    case node_state::sealed:
        return "sealed";
    case node_state::uninitialised:
        return "uninitialised";
    case node_state::unusable:
        return "unusable";
    case node_state::untrusted:
        return "untrusted";
    case node_state::unreachable:
        return "unreachable";
    }
    return "unreachable";
}

broker_settings settings_of(const vault_config& from)
{
    broker_settings result;
    result.nodes = from.url;
    result.name_space = from.name_space;
    result.ca_file = from.ca_file.string();
    result.redirect_allow = from.redirect_allow;
    result.mounts.kv = from.mounts.kv;
    result.mounts.database = from.mounts.database;
    result.mounts.transit = from.mounts.transit;
    result.connect_timeout = from.timeouts.connect;
    result.call_timeout = from.timeouts.call;
    return result;
}

std::unique_ptr<broker>
create_vault_broker(broker_settings settings, const clock_source& clock, metrics& into)
{
    return std::make_unique<vault_broker>(std::move(settings), clock, into);
}

}  // namespace leasehold::vault_client
