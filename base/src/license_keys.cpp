#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/license.hpp>

#include <algorithm>

namespace leasehold {
namespace {

// The public half of deploy/dev/license-key.pem, whose private half everybody has.
constexpr std::string_view development_key = "development:nVCL8OD42CiuV+B/8t75/Xl7FOqKlYqd5g6r8Dw/2ks=";

// Inputs of the build (base/CMakeLists.txt): "kid:base64", or nothing.
constexpr std::string_view current_key = LEASEHOLD_LICENSE_KEY_CURRENT;
constexpr std::string_view next_key = LEASEHOLD_LICENSE_KEY_NEXT;
constexpr std::string_view withdrawn_ids = LEASEHOLD_LICENSES_WITHDRAWN;  // separated by commas
constexpr std::int64_t build_date = LEASEHOLD_BUILT_AT;                   // seconds since 1970

void add_key(license_keys& to, std::string_view text, bool is_development)
{
    if (text.empty()) return;
    const auto colon = text.find(':');
    auto bytes = colon == std::string_view::npos ? std::nullopt : crypto::from_base64(text.substr(colon + 1));
    if (!bytes || bytes->size() != 32)
        throw error(
            error_kind::internal, "license_key_malformed", "this program was built with a broken license key"
        );
    to.keys.push_back({std::string(text.substr(0, colon)), std::move(*bytes), is_development});
}

}  // namespace

license_keys license_keys::compiled_in(bool development)
{
    license_keys keys;
    add_key(keys, current_key, false);
    add_key(keys, next_key, false);
    if (development) add_key(keys, development_key, true);
    for (auto rest = withdrawn_ids; !rest.empty();) {
        const auto end = std::min(rest.find(','), rest.size());
        keys.withdrawn.emplace(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    keys.built_at = wall_time(std::chrono::seconds(build_date));
    return keys;
}

}  // namespace leasehold
