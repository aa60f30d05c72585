#pragma once

#include <stdexcept>
#include <string>
#include <zlib.h>

namespace leasehold::test {

inline std::string pack_gzip(std::string text)
{
    z_stream state{};
    if (deflateInit2(&state, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        throw std::runtime_error("deflateInit2");
    }
    std::string packed(deflateBound(&state, text.size()), '\0');
    state.next_in = reinterpret_cast<Bytef*>(text.data());
    state.avail_in = static_cast<uInt>(text.size());
    state.next_out = reinterpret_cast<Bytef*>(packed.data());
    state.avail_out = static_cast<uInt>(packed.size());
    const int verdict = deflate(&state, Z_FINISH);
    packed.resize(state.total_out);
    deflateEnd(&state);
    if (verdict != Z_STREAM_END) throw std::runtime_error("deflate");
    return packed;
}

}  // namespace leasehold::test
