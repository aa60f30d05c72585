#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace leasehold::vault_client {

// Chance for timing only, never for secrets. One per owner; a test gives the seed.
class jitter
{
public:
    jitter() : engine_(std::random_device{}()) {}
    explicit jitter(std::uint32_t seed) : engine_(seed) {}

    // Even between 0 and 1.
    [[nodiscard]] double share() { return std::uniform_real_distribution<double>(0.0, 1.0)(engine_); }
    // Even between -most and +most.
    [[nodiscard]] double both_ways(double most) { return (share() * 2 - 1) * most; }

    // Back-off with full jitter: even between 0 and min(most, least * 2^tries), never under a tenth of it.
    [[nodiscard]] std::chrono::nanoseconds
    back_off(int tries, std::chrono::milliseconds least, std::chrono::milliseconds most)
    {
        const auto grown = least.count() * (1LL << std::clamp(tries, 0, 20));
        const auto top = std::chrono::duration<double, std::milli>(
            static_cast<double>(std::min(grown, static_cast<long long>(most.count())))
        );
        return std::chrono::duration_cast<std::chrono::nanoseconds>(top * std::max(0.1, share()));
    }

private:
    std::minstd_rand engine_;
};

}  // namespace leasehold::vault_client
