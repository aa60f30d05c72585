#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/config.hpp>
#include <leasehold/base/license.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/registry/installation.hpp>

#include <optional>
#include <string>

namespace leasehold::control_plane {

// The license as this process sees it: the file and the registry's copy, of those that verify the one that
// ends later. Evaluated at start, on change and every minute. Owner and thread: the control plane's lane.
class licensing
{
public:
    licensing(
        registry::installation& store, const config& values, bool development, const clock_source& clock
    );

    task<void> refresh();
    [[nodiscard]] license_state state() const noexcept;
    [[nodiscard]] const std::optional<license_claims>& claims() const noexcept { return claims_; }
    [[nodiscard]] const std::optional<license_refusal>& refusal() const noexcept { return refusal_; }
    // Throws unlicensed with the license's code unless something new may be begun (single-tenant mode always
    // may).
    void allow_new() const;
    // Absent: not counted (single-tenant mode).
    [[nodiscard]] std::optional<std::int64_t> max_tenants() const noexcept;
    // Verifies, stores in the registry and in license.file, refreshes. Errors: invalid license_*.
    task<void> install(registry::principal who, std::string document);

private:
    registry::installation& store_;
    const config& values_;
    bool development_;
    const clock_source& clock_;
    std::optional<license_claims> claims_;
    std::optional<license_refusal> refusal_;
};

nlohmann::json to_json(const license_claims& claims);

}  // namespace leasehold::control_plane
