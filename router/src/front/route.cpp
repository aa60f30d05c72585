#include "front/route.hpp"

#include <array>

namespace leasehold::router {

std::string_view to_text(key_kind value) noexcept
{
    static constexpr std::array<std::string_view, 4> names{"domain", "option", "user", "database"};
    return names[static_cast<std::size_t>(value)];
}

const tenant_record* find_tenant_key(const directory& in, std::string_view text) noexcept
{
    if (text.starts_with("t_")) return in.find_tid(text.substr(2));
    return in.find_slug(text);
}

namespace {

const tenant_record* find_database_key(const directory& in, std::string_view text) noexcept
{
    if (const auto* tenant = find_tenant_key(in, text)) return tenant;
    return in.find_database(text);
}

}  // namespace

route find_route(const directory& in, const presented_names& names, std::string_view advertised)
{
    route found;
    found.user = parse_user_name(names.user);
    if (const auto domain = to_canonical_domain(names.sni)) {
        const auto own = to_canonical_domain(advertised);
        if (domain->empty() || domain != own)
            found.keys.push_back({key_kind::domain, *domain, in.find_domain(*domain)});
    }
    if (!names.option.empty()) {
        found.keys.push_back({key_kind::option, std::string(names.option), find_tenant_key(in, names.option)}
        );
    }
    if (const auto& suffix = found.user.tenant_key) {
        found.keys.push_back({key_kind::user_suffix, std::string(*suffix), find_tenant_key(in, *suffix)});
    }
    if (!names.database.empty() && names.database != names.user) {
        found.keys.push_back(
            {key_kind::database, std::string(names.database), find_database_key(in, names.database)}
        );
    }
    return found;
}

agreement agrees_with(const route& found, const tenant_id& credential_tenant) noexcept
{
    auto verdict = agreement::agrees;
    for (const auto& key : found.keys) {
        if (key.tenant != nullptr && key.tenant->id == credential_tenant) continue;
        if (key.kind != key_kind::database) return agreement::conflict;
        verdict = agreement::database_unknown;
    }
    return verdict;
}

}  // namespace leasehold::router
