#pragma once

#include "operations/facilities.hpp"
#include "operations/operation_kind.hpp"
#include "operations/placement_choice.hpp"

namespace leasehold::control_plane::operations {

// A tenant's database comes to be. No router knows the tenant before the last step; a worker killed anywhere
// is resumed at the first unfinished one. docs/life-of-a-tenant.md tells the steps.
class provision : public operation_kind
{
public:
    explicit provision(facilities& with) : with_(with) {}

    [[nodiscard]] std::string name() const override { return "provision"; }
    [[nodiscard]] std::vector<std::string> steps() const override
    {
        return {"reserve", "create_database", "grant_rights", "broker_roles", "schema", "verify", "publish"};
    }
    task<void> begin(const step_context& context) override;
    task<nlohmann::json> run_step(std::string step, const step_context& context) override;
    task<void> failed(const step_context& context) override;
    task<void> cancel(const step_context& context) override;

private:
    task<nlohmann::json> reserve(const step_context& context);
    task<nlohmann::json> create_database(const step_context& context);
    task<nlohmann::json> grant_rights(const step_context& context);
    task<nlohmann::json> broker_roles(const step_context& context);
    task<nlohmann::json> schema(const step_context& context);
    task<nlohmann::json> verify(const step_context& context);
    task<nlohmann::json> publish(const step_context& context);

    task<facilities::place> target(const step_context& context);
    task<registry::server> choose(const step_context& context, placement_wish wish);

    facilities& with_;
};

}  // namespace leasehold::control_plane::operations
