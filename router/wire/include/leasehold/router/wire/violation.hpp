#pragma once

#include <string_view>

namespace leasehold::router::wire {

// What a peer did wrong. `code` stands in docs/errors.md (protocol_violation, protocol_unsupported,
// statement_too_large); both texts are constants and hold nothing the peer sent.
struct violation
{
    std::string_view code;
    std::string_view reason;
};

inline constexpr violation protocol_violation(std::string_view reason) noexcept
{
    return {"protocol_violation", reason};
}

inline constexpr violation protocol_unsupported(std::string_view reason) noexcept
{
    return {"protocol_unsupported", reason};
}

}  // namespace leasehold::router::wire
