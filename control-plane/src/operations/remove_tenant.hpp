#pragma once

#include "operations/facilities.hpp"
#include "operations/operation_kind.hpp"

namespace leasehold::control_plane::operations {

// Deletes a tenant: suspends at once, waits for the grace, then removes leases, databases, roles and registry
// rows, looking after each, and looks once more at everything at the end. Cancelled within the grace, the
// tenant is suspended again.
class remove_tenant : public operation_kind
{
public:
    explicit remove_tenant(facilities& with) : with_(with) {}
    [[nodiscard]] std::string name() const override { return "delete"; }
    [[nodiscard]] std::vector<std::string> steps() const override
    {
        return {
            "state",
            "gate",
            "cut",
            "revoke",
            "grace",
            "routes",
            "routers",
            "leases",
            "placements",
            "look",
            "registry"};
    }
    task<nlohmann::json> run_step(std::string step, const step_context& context) override;
    task<void> cancel(const step_context& context) override;

private:
    task<nlohmann::json> state(const step_context& context);
    task<nlohmann::json> grace(const step_context& context);
    task<nlohmann::json> leases(const step_context& context);
    task<nlohmann::json> placements(const step_context& context);
    task<nlohmann::json> look(const step_context& context);
    task<nlohmann::json> registry_rows(const step_context& context);

    facilities& with_;
};

}  // namespace leasehold::control_plane::operations
