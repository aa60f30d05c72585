#pragma once

#include <cstdint>
#include <string_view>

namespace leasehold::router {

// SipHash-2-4 under a key of this process: names come from strangers, who must not choose which shard they
// fill.
std::uint64_t siphash(std::string_view bytes) noexcept;

}  // namespace leasehold::router
