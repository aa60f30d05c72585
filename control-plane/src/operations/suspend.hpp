#pragma once

#include "operations/facilities.hpp"
#include "operations/operation_kind.hpp"

namespace leasehold::control_plane::operations {

// A tenant is cut off: routers refuse and kill, the gate in PostgreSQL closes, sessions are cut, leases
// revoked, and a fresh lease proves it. What needs the broker comes last: without it all else holds already.
// Migrations go on.
class suspend : public operation_kind
{
public:
    explicit suspend(facilities& with) : with_(with) {}
    [[nodiscard]] std::string name() const override { return "suspend"; }
    [[nodiscard]] std::vector<std::string> steps() const override
    {
        return {"state", "routers", "gate", "cut", "leases", "verify"};
    }
    task<nlohmann::json> run_step(std::string step, const step_context& context) override;

private:
    facilities& with_;
};

// The way back: gate open, a fresh lease reads, then the state.
class resume : public operation_kind
{
public:
    explicit resume(facilities& with) : with_(with) {}
    [[nodiscard]] std::string name() const override { return "resume"; }
    [[nodiscard]] std::vector<std::string> steps() const override { return {"gate", "verify", "state"}; }
    task<nlohmann::json> run_step(std::string step, const step_context& context) override;

private:
    facilities& with_;
};

// The steps that suspension shares with deletion.
task<nlohmann::json> close_tenant_gate(facilities& with, tenant_id tenant);
task<nlohmann::json> cut_tenant_sessions(facilities& with, tenant_id tenant);
// And cut once more: a login in progress survives the revocation of its lease.
task<nlohmann::json> revoke_tenant_leases(facilities& with, tenant_id tenant);

}  // namespace leasehold::control_plane::operations
