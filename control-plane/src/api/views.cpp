#include "api/views.hpp"

#include <leasehold/base/credential.hpp>
#include <leasehold/base/crypto.hpp>

#include <algorithm>

namespace leasehold::control_plane {
namespace {

using http::about;
using http::between;
using http::fields;
using http::or_default;

const fields<placement_view> placement_fields{
    {"server_id", &placement_view::server_id},
    {"tier", &placement_view::tier},
    {"database", &placement_view::database},
    {"schema", &placement_view::schema},
    {"generation", &placement_view::generation},
    {"state", &placement_view::state},
};

const fields<tenant_view> tenant_fields{
    {"id", &tenant_view::id},
    {"tid", &tenant_view::tid},
    {"slug", &tenant_view::slug},
    {"name", &tenant_view::name},
    {"state", &tenant_view::state},
    {"edition", &tenant_view::edition},
    {"limits", &tenant_view::limits},
    {"settings", &tenant_view::settings},
    {"generation", &tenant_view::generation},
    {"created_at", &tenant_view::created_at},
    {"created_by", &tenant_view::created_by},
    {"placement", &tenant_view::placement},
};

const fields<problem_view> problem_fields{
    {"code", &problem_view::code},
    {"detail", &problem_view::detail},
};

const fields<step_view> step_fields{
    {"name", &step_view::name},
    {"state", &step_view::state},
    {"attempts", &step_view::attempts},
    {"started_at", &step_view::started_at},
    {"finished_at", &step_view::finished_at},
    {"error", &step_view::error},
};

const fields<operation_view> operation_fields{
    {"id", &operation_view::id},
    {"kind", &operation_view::kind},
    {"tenant_id", &operation_view::tenant_id},
    {"state", &operation_view::state},
    {"percent", &operation_view::percent},
    {"steps", &operation_view::steps},
    {"waiting_for", &operation_view::waiting_for},
    {"error", &operation_view::error},
    {"result", &operation_view::result},
    {"retryable", &operation_view::retryable},
    {"created_by", &operation_view::created_by},
    {"created_at", &operation_view::created_at},
    {"started_at", &operation_view::started_at},
    {"finished_at", &operation_view::finished_at},
};

const fields<server_view> server_fields{
    {"id", &server_view::id},
    {"name", &server_view::name},
    {"addresses", &server_view::addresses},
    {"region", &server_view::region},
    {"jurisdiction", &server_view::jurisdiction},
    {"state", &server_view::state},
    {"version", &server_view::version},
    {"max_tenants", &server_view::max_tenants},
    {"connection_budget", &server_view::connection_budget},
    {"tenants", &server_view::tenants},
    {"accepted", &server_view::accepted},
    {"preflight", &server_view::preflight, about("[{check, ok, accepted, found, want, fix, refuses}]")},
    {"preflight_at", &server_view::preflight_at},
};

const fields<token_view> token_fields{
    {"id", &token_view::id},
    {"label", &token_view::label},
    {"state", &token_view::state},
    {"expires_at", &token_view::expires_at},
    {"max_uses", &token_view::max_uses},
    {"uses", &token_view::uses},
    {"approval", &token_view::approval},
    {"cidr", &token_view::cidr},
    {"tags", &token_view::tags},
    {"created_by", &token_view::created_by},
    {"created_at", &token_view::created_at},
    {"last_used_at", &token_view::last_used_at},
    {"token", &token_view::token, about("shown once, at creation")},
    {"agent_yaml", &token_view::agent_yaml},
    {"shell", &token_view::shell},
};

const fields<key_view> key_fields{
    {"id", &key_view::id},
    {"tenant_id", &key_view::tenant_id},
    {"role", &key_view::role},
    {"name", &key_view::name},
    {"postgres", &key_view::postgres},
    {"user", &key_view::user, about("user name of a PostgreSQL login with this key")},
    {"created_by", &key_view::created_by},
    {"created_at", &key_view::created_at},
    {"expires_at", &key_view::expires_at},
    {"last_used_at", &key_view::last_used_at},
    {"revoked_at", &key_view::revoked_at},
    {"replaces", &key_view::replaces},
    {"key", &key_view::key, about("shown once, at creation")},
};

const fields<list_query> list_query_fields{
    {"limit", &list_query::limit, between(1, 200), or_default()},
    {"cursor", &list_query::cursor},
};

std::optional<problem_view> to_problem(const nlohmann::json& from)
{
    if (!from.is_object()) return std::nullopt;
    return problem_view{from.value("code", ""), from.value("detail", "")};
}

std::string token_state(const registry::enrollment_token& from)
{
    if (from.revoked_at) return "revoked";
    if (from.expires_at <= real_clock().wall()) return "expired";
    return from.uses >= from.max_uses ? "used_up" : "usable";
}

crypto::digest cursor_mac(const uuid& last, std::string_view list, std::string_view subkey)
{
    return crypto::hmac_sha256(subkey, std::string(list) + "\n" + last.to_string());
}

constexpr std::size_t mac_bytes = 8;

}  // namespace

tenant_view to_view(const registry::tenant& from)
{
    tenant_view view;
    view.id = from.id.to_string();
    view.tid = from.tid;
    view.slug = from.slug;
    view.name = from.name;
    view.state = from.state;
    view.edition = from.edition;
    view.limits = from.limits;
    view.settings = from.settings;
    view.generation = from.generation;
    view.created_at = from.created_at;
    view.created_by = from.created_by;
    if (from.where) {
        view.placement = placement_view{
            from.where->server.to_string(),
            std::string(registry::to_text(from.where->tier)),
            from.where->database,
            from.where->schema,
            from.where->generation,
            from.where->state};
    }
    return view;
}

operation_view to_view(const registry::operation& from)
{
    operation_view view;
    view.id = from.id.to_string();
    view.kind = from.kind;
    if (from.tenant) view.tenant_id = from.tenant->to_string();
    view.state = from.state;
    std::int64_t done = 0;
    for (const auto& step : from.steps) {
        step_view one{
            step.name, step.state, step.attempts, step.started_at, step.finished_at, to_problem(step.error)};
        if (step.state == "done") ++done;
        view.steps.push_back(std::move(one));
    }
    const auto all = static_cast<std::int64_t>(from.steps.size());
    view.percent = all == 0 ? 0 : done * 100 / all;
    view.waiting_for = from.waiting_for;
    view.error = to_problem(from.error);
    view.result = from.result;
    view.retryable = from.state == "failed" || from.state == "waiting";
    view.created_by = from.created_by;
    view.created_at = from.created_at;
    view.started_at = from.started_at;
    view.finished_at = from.finished_at;
    return view;
}

server_view to_view(const registry::server& from)
{
    server_view view;
    view.id = from.id.to_string();
    view.name = from.name;
    view.addresses = from.addresses;
    view.region = from.region;
    view.jurisdiction = from.jurisdiction;
    view.state = from.state;
    view.version = from.version;
    view.max_tenants = from.max_tenants;
    view.connection_budget = from.connection_budget;
    view.tenants = from.tenants;
    view.accepted = from.accepted;
    view.preflight = from.preflight;
    view.preflight_at = from.preflight_at;
    return view;
}

token_view to_view(const registry::enrollment_token& from)
{
    token_view view;
    view.id = from.id.to_string();
    view.label = from.label;
    view.state = token_state(from);
    view.expires_at = from.expires_at;
    view.max_uses = from.max_uses;
    view.uses = from.uses;
    view.approval = from.approval;
    view.cidr = from.cidr;
    view.tags = from.tags;
    view.created_by = from.created_by;
    view.created_at = from.created_at;
    view.last_used_at = from.last_used_at;
    return view;
}

key_view to_view(const registry::api_key& from)
{
    key_view view;
    view.id = from.id.to_string();
    if (from.tenant) view.tenant_id = from.tenant->to_string();
    view.role = from.role;
    view.name = from.name;
    view.postgres = from.postgres;
    if (from.postgres) view.user = to_base62(from.id.value());
    view.created_by = from.created_by;
    view.created_at = from.created_at;
    view.expires_at = from.expires_at;
    view.last_used_at = from.last_used_at;
    view.revoked_at = from.revoked_at;
    if (from.replaces) view.replaces = from.replaces->to_string();
    return view;
}

std::string to_cursor(const uuid& last, std::string_view list, std::string_view subkey)
{
    const auto mac = cursor_mac(last, list, subkey);
    std::string bytes(last.bytes().begin(), last.bytes().end());
    bytes += crypto::view(mac).substr(0, mac_bytes);
    return crypto::to_base64url(bytes);
}

uuid parse_cursor(std::string_view cursor, std::string_view list, std::string_view subkey)
{
    const auto bytes = crypto::from_base64url(cursor);
    if (bytes && bytes->size() == 16 + mac_bytes) {
        std::array<std::uint8_t, 16> raw{};
        std::copy_n(bytes->begin(), raw.size(), raw.begin());
        const uuid last(raw);
        const auto mac = cursor_mac(last, list, subkey);
        if (equal_in_constant_time(
                std::string_view(*bytes).substr(16), crypto::view(mac).substr(0, mac_bytes)
            ))
            return last;
    }
    throw error(error_kind::invalid, "cursor_invalid", "this cursor is not one of this list");
}

}  // namespace leasehold::control_plane
