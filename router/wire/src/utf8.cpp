#include "utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace leasehold::router::wire {

bool is_utf8(std::string_view text) noexcept
{
    for (std::size_t at = 0; at < text.size();) {
        const auto lead = static_cast<std::uint8_t>(text[at]);
        std::size_t more = 0;
        std::uint8_t low = 0x80;  // bounds of the second byte, which tell overlong forms and surrogates
        std::uint8_t high = 0xBF;
        if (lead < 0x80)
            more = 0;
        else if (lead >= 0xC2 && lead <= 0xDF)
            more = 1;
        else if (lead >= 0xE0 && lead <= 0xEF)
            more = 2;
        else if (lead >= 0xF0 && lead <= 0xF4)
            more = 3;
        else
            return false;
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
        if (text.size() - at <= more) return false;
        for (std::size_t i = 1; i <= more; ++i) {
            const auto byte = static_cast<std::uint8_t>(text[at + i]);
            if (byte < low || byte > high) return false;
            low = 0x80;
            high = 0xBF;
        }
        at += more + 1;
    }
    return true;
}

}  // namespace leasehold::router::wire
