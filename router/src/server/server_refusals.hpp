#pragma once

#include "relay/refusal.hpp"

namespace leasehold::router::refusals {

using relay::refusal;

inline constexpr refusal placement_mismatch{
    error_kind::internal, "placement_mismatch", "the tenant's placement leads to another database"};
inline constexpr refusal placement_stale{
    error_kind::unavailable, "placement_stale", "the tenant's placement has changed"};
inline constexpr refusal tenant_suspended{
    error_kind::unavailable, "tenant_suspended", "the tenant is suspended"};
inline constexpr refusal tenant_not_ready{
    error_kind::unavailable, "tenant_not_ready", "the tenant is not ready"};
inline constexpr refusal tenant_moving{error_kind::unavailable, "tenant_moving", "the tenant is being moved"};
inline constexpr refusal directory_loading{
    error_kind::unavailable, "directory_loading", "the router is still starting"};

}  // namespace leasehold::router::refusals
