#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/migrations/fleet.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace leasehold::control_plane {

// What `leasehold migrate` does to one partition, over the registry and the broker. Blocking; made and used
// by one thread. The registry's and the shared chain go by the migrate login of the configuration.
migrations::applied migrate_registry(const config& values, const std::string& applied_by);
migrations::applied migrate_shared(const config& values, const std::string& applied_by);
// Collapsed mode: the tenant chain into the registry's own database, and the rights of the services on it.
// Makes the one tenant, its placement and its server row where they are missing.
migrations::applied migrate_collapsed(const config& values, const std::string& applied_by);

// The fleet of tenants. Nothing is asked of the broker before the first target needs a lease, or a template
// is built.
class fleet_migration
{
public:
    explicit fleet_migration(const config& values);
    ~fleet_migration();

    // How many tenants are current and how many are not. One query; neither broker nor license is asked.
    migrations::target_source::plan_counts plan();
    // Templates of the present chain on every server that holds or may hold tenants (logs in to the broker).
    // Returns built, all.
    std::pair<int, int> build_templates();
    migrations::fleet_result run(migrations::event_sink& events, migrations::fleet_settings settings);
    [[nodiscard]] const migrations::chain& chain() const noexcept;
    // Gives the broker's token back, and with it whatever lease is left.
    void close();

    // What the license check needs of the registry, by the migrate login: installation id and the stored
    // document.
    struct license_facts
    {
        std::string installation;
        std::optional<std::string> document;
        std::int64_t tenants = 0;
    };
    license_facts license();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace leasehold::control_plane
