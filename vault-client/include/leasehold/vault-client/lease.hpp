#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/base/secret.hpp>
#include <leasehold/vault-client/broker.hpp>

#include <compare>
#include <cstdint>
#include <memory>
#include <string>

namespace leasehold::vault_client {

// One placement of one tenant. `server` is its name: the label of caps, breakers and metrics, no part of the
// identity.
struct placement_key
{
    placement_key() = default;
    placement_key(tenant_id of, int number, std::string on)
        : tenant(of)
        , generation(number)
        , server(std::move(on))
    {}

    tenant_id tenant;
    int generation = 0;
    std::string server;
    friend bool operator==(const placement_key& a, const placement_key& b) noexcept
    {
        return a.tenant == b.tenant && a.generation == b.generation;
    }
};

// Names one lease of this process. `number` grows with every lease of a (placement, class) and is never used
// again.
struct lease_ref
{
    tenant_id tenant;
    int placement_generation = 0;
    role_class role = role_class::rw;
    std::uint64_t number = 0;
    friend auto operator<=>(const lease_ref&, const lease_ref&) = default;
};

// The login itself: one per number, shared by all copies of the lease.
struct lease_login
{
    lease_id id;
    broker_role role;
    std::string username;
    secret<std::string> password;
};

// A login that may be used until ends_at(). Immutable and cheap to copy; a renewal makes a new copy with the
// same number.
struct lease
{
    lease_ref ref;
    std::shared_ptr<const lease_login> login;
    std::uint64_t token_generation = 0;
    seconds term{0};
    bool renewable = false;
    boot_time asked_at;

    [[nodiscard]] boot_time ends_at() const noexcept { return asked_at + term; }
};
using lease_ptr = std::shared_ptr<const lease>;

}  // namespace leasehold::vault_client
