#include "directory/siphash.hpp"

#include <leasehold/base/crypto.hpp>

#include <array>
#include <bit>
#include <cstring>

namespace leasehold::router {
namespace {

using key_pair = std::array<std::uint64_t, 2>;

const key_pair& process_key()
{
    static const auto made = [] {
        const auto bytes = crypto::random_bytes(sizeof(key_pair));
        key_pair key{};
        std::memcpy(key.data(), bytes.data(), sizeof key);
        return key;
    }();
    return made;
}

struct state
{
    std::uint64_t a;
    std::uint64_t b;
    std::uint64_t c;
    std::uint64_t d;

    void round() noexcept
    {
        a += b;
        c += d;
        b = std::rotl(b, 13) ^ a;
        d = std::rotl(d, 16) ^ c;
        a = std::rotl(a, 32);
        c += b;
        a += d;
        b = std::rotl(b, 17) ^ c;
        d = std::rotl(d, 21) ^ a;
        c = std::rotl(c, 32);
    }
    void take(std::uint64_t word) noexcept
    {
        d ^= word;
        round();
        round();
        a ^= word;
    }
};

std::uint64_t load(const char* at, std::size_t count) noexcept
{
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < count; ++i) {
        word |= std::uint64_t{static_cast<std::uint8_t>(at[i])} << (8 * i);
    }
    return word;
}

}  // namespace

std::uint64_t siphash(std::string_view bytes) noexcept
{
    const auto& key = process_key();
    state s{
        key[0] ^ 0x736f6d6570736575U,
        key[1] ^ 0x646f72616e646f6dU,
        key[0] ^ 0x6c7967656e657261U,
        key[1] ^ 0x7465646279746573U};
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) s.take(load(bytes.data() + at, 8));
    s.take(load(bytes.data() + at, bytes.size() - at) | std::uint64_t{bytes.size()} << 56U);
    s.c ^= 0xffU;
    for (int i = 0; i < 4; ++i) s.round();
    return s.a ^ s.b ^ s.c ^ s.d;
}

}  // namespace leasehold::router
