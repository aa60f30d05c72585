#pragma once

#include <leasehold/base/ids.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace leasehold::router {

// What a PostgreSQL user name says: `<principal>[-<class>][.<tenant>]`. The form alone decides how the client
// must prove itself, so that nothing can be learnt from the question.
struct user_name
{
    enum class form : std::uint8_t
    {
        key_id,   // 22 characters of base62: SCRAM with the stored verifier
        key,      // the whole API key as clear-text password
        ticket,   // a sealed ticket as clear-text password
        unknown,  // anything else: SCRAM against nobody
    };
    form kind = form::unknown;
    std::optional<key_id> key;
    std::optional<role_class> role;              // asked for by `-<class>`
    std::optional<std::string_view> tenant_key;  // after the last dot, byte for byte
};

// Views point into `text`.
[[nodiscard]] user_name parse_user_name(std::string_view text) noexcept;

}  // namespace leasehold::router
