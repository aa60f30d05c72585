#include "tenant_choice.hpp"

#include "failure.hpp"
#include "output.hpp"

#include <leasehold/base/ids.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

using nlohmann::json;

std::optional<json> find_by(api& at, const std::string& member, const std::string& text)
{
    const auto found = json::parse(at.get("/tenants?" + member + "=" + encode_query(text)));
    for (const auto& one : found.at("items")) {
        if (one.value(member, "") == text) return one;
        // A tenant's key is shown its own tenant, whatever is asked for.
        throw error(error_kind::forbidden, "tenant_access_denied", "this key belongs to another tenant");
    }
    return std::nullopt;
}

json find(api& at, const std::string& named)
{
    if (tenant_id::parse(named)) return json::parse(at.get("/tenants/" + named));
    const auto short_name = named.rfind("t_", 0) == 0 ? named.substr(2) : named;
    bool is_denied = false;
    for (const auto& [member, text] :
         {std::pair<std::string, std::string>{"slug", named}, {"tid", short_name}}) {
        try {
            if (auto found = find_by(at, member, text)) return std::move(*found);
        } catch (const error& failed) {
            if (failed.code() != "tenant_access_denied") throw;
            is_denied = true;
        }
    }
    if (is_denied)
        throw error(error_kind::forbidden, "tenant_access_denied", "this key belongs to another tenant");
    throw error(error_kind::not_found, "tenant_not_found", fmt::format("there is no tenant '{}'", named));
}

}  // namespace

chosen_tenant choose_tenant(api& at, const invocation& how, const std::string& named)
{
    const auto& text = named.empty() ? how.tenant : named;
    json found;
    if (text.empty()) {
        const auto who = json::parse(at.get("/whoami"));
        const auto own = who.find("tenants");
        if (own == who.end() || own->empty()) throw usage_error("which tenant? Name it, or give --tenant");
        found = own->front();
    } else {
        found = find(at, text);
    }
    chosen_tenant chosen{found.at("id").get<std::string>(), found.value("slug", "")};
    note(how, fmt::format("tenant {} ({})", chosen.slug, chosen.id));
    return chosen;
}

}  // namespace leasehold::cli
