#include "gzip.hpp"

#include <leasehold/base/error.hpp>

#include <algorithm>
#include <array>
#include <zlib.h>

namespace leasehold::http {
namespace {

constexpr int gzip_window = 15 + 16;  // zlib: the largest window, and a gzip head instead of zlib's own

class inflater
{
public:
    inflater() { is_ready_ = inflateInit2(&state_, gzip_window) == Z_OK; }
    ~inflater()
    {
        if (is_ready_) inflateEnd(&state_);
    }
    inflater(const inflater&) = delete;
    inflater& operator=(const inflater&) = delete;

    z_stream& state() noexcept { return state_; }
    [[nodiscard]] bool is_ready() const noexcept { return is_ready_; }

private:
    z_stream state_{};
    bool is_ready_ = false;
};

[[noreturn]] void refuse_malformed()
{
    throw error(error_kind::protocol, "body_malformed", "the body is not valid gzip");
}

}  // namespace

std::string unpack_gzip(std::string_view packed, std::size_t limit)
{
    inflater machine;
    if (!machine.is_ready())
        throw error(error_kind::internal, "internal", "the request could not be handled", "inflateInit2");
    std::string input(packed);  // zlib wants it mutable, and does not change it
    auto& state = machine.state();
    state.next_in = reinterpret_cast<Bytef*>(input.data());  // NOLINT: zlib's own byte type
    state.avail_in = static_cast<uInt>(input.size());

    std::string unpacked;
    std::array<char, 32768> piece{};
    for (;;) {
        state.next_out = reinterpret_cast<Bytef*>(piece.data());  // NOLINT: as above
        state.avail_out = static_cast<uInt>(piece.size());
        const int verdict = inflate(&state, Z_NO_FLUSH);
        const std::size_t count = piece.size() - state.avail_out;
        if (unpacked.size() + count > limit) {
            throw error(
                error_kind::invalid, "body_too_large", "the body is larger than this route accepts, unpacked"
            );
        }
        unpacked.append(piece.data(), count);
        if (verdict == Z_STREAM_END) break;
        if (verdict != Z_OK || (count == 0 && state.avail_in == 0)) refuse_malformed();
    }
    if (state.avail_in != 0) refuse_malformed();
    return unpacked;
}

}  // namespace leasehold::http
