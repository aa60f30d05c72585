#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leasehold::http {

// What a peer speaks, by its first bytes.
enum class greeting : std::uint8_t
{
    http,
    tls,
    postgresql,
    unknown
};
greeting recognise(std::string_view first) noexcept;

// The one answer to a peer that speaks something else than the listener does: readable by that peer where it
// can be.
std::string answer_to(greeting heard, bool expects_tls);

}  // namespace leasehold::http
