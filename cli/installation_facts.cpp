#include "installation_facts.hpp"

#include <leasehold/database/pool.hpp>
#include <leasehold/registry/connection.hpp>
#include <leasehold/registry/installation.hpp>
#include <leasehold/registry/routes.hpp>
#include <leasehold/registry/tenants.hpp>

#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

constexpr auto hmac_setting = "hmac_fingerprints";

// A registry without tables says so by SQLSTATE only; what to do about it is to migrate.
template <class Work>
auto read_registry(Work work)
{
    try {
        return work();
    } catch (const database::sql_error& failed) {
        const bool has_no_tables = failed.sqlstate() == "42P01" || failed.sqlstate() == "42883";
        if (!has_no_tables && failed.sqlstate() != "42501") throw;
        throw error(
            error_kind::conflict,
            "schema_behind",
            "the registry has no tables of Leasehold yet: run `leasehold migrate`",
            failed.what()
        );
    }
}

}  // namespace

installation_facts load_installation(const config& values)
{
    return read_registry([&] {
        database::pool pool(registry::endpoint_of(values.registry, values.registry.control_plane), 1, 8);
        registry::installation store(pool);
        registry::tenants tenants(pool);
        installation_facts facts;
        facts.is_new = !run(store.setting(hmac_setting)).has_value();
        facts.license.installation = run(store.id()).to_string();
        facts.license.document = run(store.license_document());
        facts.license.tenants = run(tenants.count());
        pool.join();
        return facts;
    });
}

installation_facts load_installation_as_router(const config& values)
{
    return read_registry([&] {
        database::pool pool(registry::endpoint_of(values.registry, values.registry.router), 1, 8);
        registry::routes store(pool);
        const auto settings = run(store.settings());
        installation_facts facts;
        facts.is_new = settings.count(hmac_setting) == 0;
        const auto id = settings.find("installation");
        if (id != settings.end()) facts.license.installation = id->second.get<std::string>();
        facts.license.document = run(store.license()).document;
        pool.join();
        return facts;
    });
}

}  // namespace leasehold::cli
