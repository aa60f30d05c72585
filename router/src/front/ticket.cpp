#include <leasehold/base/crypto.hpp>
#include <leasehold/router/ticket.hpp>

#include <nlohmann/json.hpp>

namespace leasehold::router {
namespace {

using nlohmann::json;

constexpr std::string_view head = "lh_ticket_";

constexpr std::string_view label = "ticket";

std::string sign(std::string_view fields, const secret<std::string>& key)
{
    return crypto::to_base64url(crypto::view(crypto::hmac_sha256(key.reveal(), fields)));
}

std::optional<ticket> read_fields(std::string_view text)
{
    const auto fields = json::parse(text, nullptr, false);
    if (!fields.is_object()) return std::nullopt;
    const auto tenant = tenant_id::parse(fields.value("tenant", ""));
    const auto role = parse_role_class(fields.value("class", ""));
    const auto ends_at = parse_rfc3339(fields.value("end", ""));
    if (!tenant || !role || !ends_at) return std::nullopt;
    if (*role != role_class::rw && *role != role_class::ro) return std::nullopt;
    ticket found;
    found.tenant = *tenant;
    found.role = *role;
    found.principal = fields.value("principal", "");
    found.request_id = fields.value("request", "");
    found.ends_at = *ends_at;
    return found;
}

}  // namespace

secret<std::string> seal_ticket(const ticket& what, const hmac_keys& keys)
{
    const json fields{
        {"tenant", what.tenant.to_string()},
        {"class", to_text(what.role)},
        {"principal", what.principal},
        {"request", what.request_id},
        {"end", to_rfc3339(what.ends_at)}};
    const auto text = crypto::to_base64url(fields.dump());
    return secret<std::string>::take(std::string(head) + text + "." + sign(text, keys.subkey(label)));
}

std::optional<ticket> open_ticket(std::string_view text, const hmac_keys& keys, wall_time now)
{
    if (!text.starts_with(head)) return std::nullopt;
    text.remove_prefix(head.size());
    const auto dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    // While the key is replaced, another process may still seal under the previous one.
    bool is_ours = false;
    for (const auto& key : keys.subkeys(label))
        is_ours = equal_in_constant_time(text.substr(dot + 1), sign(text.substr(0, dot), key)) || is_ours;
    if (!is_ours) return std::nullopt;
    const auto fields = crypto::from_base64url(text.substr(0, dot));
    if (!fields) return std::nullopt;
    auto found = read_fields(*fields);
    if (!found || found->ends_at <= now || found->ends_at > now + ticket::longest) return std::nullopt;
    return found;
}

}  // namespace leasehold::router
