#include "front/user_name.hpp"

#include <leasehold/base/credential.hpp>

namespace leasehold::router {

user_name parse_user_name(std::string_view text) noexcept
{
    user_name found;
    if (const auto dot = text.rfind('.'); dot != std::string_view::npos) {
        found.tenant_key = text.substr(dot + 1);
        text = text.substr(0, dot);
    }
    if (const auto dash = text.rfind('-'); dash != std::string_view::npos) {
        found.role = parse_role_class(text.substr(dash + 1));
        if (!found.role) return found;  // no class of ours: a name of nobody
        text = text.substr(0, dash);
    }
    if (text == "key") {
        found.kind = user_name::form::key;
    } else if (text == "ticket") {
        found.kind = user_name::form::ticket;
    } else if (text.size() == 22) {
        if (const auto id = uuid_from_base62(text)) {
            found.kind = user_name::form::key_id;
            found.key = key_id(*id);
        }
    }
    return found;
}

}  // namespace leasehold::router
