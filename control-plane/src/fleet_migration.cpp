#include "operations/facilities.hpp"
#include "operations/operation_kind.hpp"
#include "operations/template_builder.hpp"
#include "servers/access.hpp"
#include "servers/names.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/base/lane.hpp>
#include <leasehold/base/lane_call.hpp>
#include <leasehold/base/worker_pool.hpp>
#include <leasehold/control-plane/fleet_migration.hpp>
#include <leasehold/migrations/fleet_chain.hpp>
#include <leasehold/registry/connection.hpp>
#include <leasehold/registry/fleet.hpp>
#include <leasehold/vault-client/identified_broker.hpp>

#include <fmt/format.h>

#include <mutex>
#include <unistd.h>

namespace leasehold::control_plane {
namespace {

constexpr int journal_connections = 4;
constexpr std::chrono::seconds template_patience(60);
constexpr std::chrono::milliseconds template_look_interval(200);

database::endpoint migration_endpoint(const config& values, database::endpoint where)
{
    where.statement_timeout = values.migrations.target.statement_timeout;
    where.application_name = "leasehold migrate";
    return where;
}

migrations::time_limits limits_of(const config& values)
{
    return {values.migrations.target.lock_timeout, values.migrations.target.statement_timeout};
}

migrations::applied apply_to(
    const config& values,
    database::endpoint where,
    const migrations::chain& chain,
    const std::string& applied_by
)
{
    const auto connection = database::connect(migration_endpoint(values, std::move(where)));
    migrations::apply_settings settings;
    settings.applied_by = applied_by;
    settings.limits = limits_of(values);
    return migrations::apply_chain(*connection, chain, settings);
}

void record(const config& values, const std::string& chain, const migrations::applied& done)
{
    database::pool pool(registry::endpoint_of(values.registry, values.registry.migrate), 1, 8);
    registry::fleet(pool).record_partition(chain, done.version_after, done.contract_version, done.checksum);
}

}  // namespace

migrations::applied migrate_registry(const config& values, const std::string& applied_by)
{
    auto where = registry::endpoint_of(values.registry, values.registry.migrate);
    const auto done = apply_to(values, std::move(where), migrations::registry_chain(), applied_by);
    record(values, "registry", done);
    return done;
}

migrations::applied migrate_shared(const config& values, const std::string& applied_by)
{
    auto where = registry::shared_endpoint_of(values.registry, values.shared);
    const auto done = apply_to(values, std::move(where), migrations::shared_chain(), applied_by);
    record(values, "shared", done);
    return done;
}

migrations::applied migrate_collapsed(const config& values, const std::string& applied_by)
{
    const auto chain = migrations::tenant_chain_of(values.migrations);
    auto where = registry::endpoint_of(values.registry, values.registry.migrate);
    const auto done = apply_to(values, std::move(where), chain, applied_by);

    database::pool pool(registry::endpoint_of(values.registry, values.registry.migrate), 1, 8);
    registry::fleet fleet(pool);
    registry::fleet::own_server own;
    for (const auto& host : values.registry.hosts) own.addresses.push_back(host.to_string());
    own.sslmode = values.registry.sslmode;
    const auto& ca = values.registry.ca_file;
    if (own.sslmode.rfind("verify", 0) == 0 && !ca.empty()) own.ca = load_file(ca);
    fleet.ensure_collapsed(values.registry.database, own);
    fleet.grant_collapsed();
    fleet.record_tenant(
        registry::collapsed_tenant(), done.version_after, done.contract_version, done.checksum
    );
    return done;
}

// The ports of a fan-out. Broker calls run on one lane; workers of the engine block on them.
struct fleet_migration::impl : migrations::target_source,
                               migrations::credential_source,
                               migrations::run_journal
{
    explicit impl(const config& all)
        : values(all)
        , chain(migrations::tenant_chain_of(all.migrations))
        , pool(registry::endpoint_of(all.registry, all.registry.migrate), journal_connections, 256)
        , fleet(pool)
        , tenants(pool)
        , servers(pool)
        , installation(pool)
        , workers("migrate", 4, 256)
    {}

    ~impl() override { close(); }

    template <class T>
    T on_lane(task<T> work)
    {
        return run_on(main_lane.context(), std::move(work));
    }

    // Made at first need: with no target, the broker is not asked.
    vault_client::identified_broker& open_broker()
    {
        const std::lock_guard lock(broker_mutex);
        if (!broker) {
            auto make = [&]() -> task<void> {
                broker = vault_client::create_identified_broker(
                    main_lane.context(), values.vault, values.vault.auth.provisioner, "provisioner"
                );
                co_return;
            };
            on_lane(make());
            access = std::make_unique<servers::access>(*broker);
            with = std::make_unique<operations::facilities>(operations::facilities{
                tenants,
                servers,
                installation,
                *broker,
                *access,
                workers,
                chain,
                fmt::format("migrate:{}:{}", ::getpid(), uuid::random().to_string().substr(0, 8))});
        }
        return *broker;
    }

    void close()
    {
        if (closed) return;
        closed = true;
        if (broker) on_lane(broker->stop());
        main_lane.join();
    }

    migrations::target_source::plan_counts count(const std::string& wanted) override
    {
        const auto counted = fleet.count(wanted);
        migrations::target_source::plan_counts plan;
        plan.current = counted.current;
        plan.pending = counted.pending;
        return plan;
    }

    std::vector<migrations::target>
    page(const std::string& wanted, std::optional<tenant_id> after, int limit) override
    {
        if (installation_text.empty()) installation_text = fleet.installation();
        std::vector<migrations::target> found;
        for (auto& row : fleet.page(wanted, after, limit)) {
            migrations::target one;
            one.tenant = row.tenant;
            one.tid = std::move(row.tid);
            one.slug = std::move(row.slug);
            one.server = row.server;
            one.server_name = std::move(row.server_name);
            one.database = std::move(row.database);
            one.schema = std::move(row.schema);
            one.generation = row.generation;
            one.marker = fmt::format(
                "leasehold/1 {} {} {} {}", installation_text, one.tenant.to_string(), one.tid, one.generation
            );
            found.push_back(std::move(one));
        }
        return found;
    }

    struct loaned_lease
    {
        vault_client::lease_id id;
        database::endpoint where;
    };

    task<loaned_lease> issue(migrations::target which)
    {
        auto& at = *broker;
        const vault_client::broker_role role(fmt::format("migrate_{}_{}", which.tid, which.generation));
        const auto server = co_await servers.get(which.server);
        const auto lease = co_await at.issue(role, vault_client::write_index());
        auto where = access->lease_endpoint(server, which.database, lease);
        loaned_lease loaned{lease.id, std::move(where)};
        co_return loaned;
    }

    task<void> revoke(vault_client::lease_id id)
    {
        co_await broker->revoke(id, vault_client::completion::queued);
    }

    loan open(const migrations::target& which) override
    {
        open_broker();
        auto lease = on_lane(issue(which));
        auto where = migration_endpoint(values, std::move(lease.where));
        const auto give_back = [this, id = lease.id] {
            try {
                on_lane(revoke(id));
            } catch (const std::exception&) {
                // It ends with its 15 minutes; the sweeper sees to the login.
            }
        };
        try {
            return {database::connect(where), give_back};
        } catch (...) {
            give_back();
            throw;
        }
    }

    void record(const migrations::target& which, const migrations::applied& done) override
    {
        fleet.record_tenant(which.tenant, done.version_after, done.contract_version, done.checksum);
    }

    // False: another process builds it and does not end. It is no reason to leave the tenants behind.
    task<bool> build_template(registry::server at)
    {
        const auto until = std::chrono::steady_clock::now() + template_patience;
        while (std::chrono::steady_clock::now() < until) {
            bool is_there = false;
            try {
                co_await operations::ensure_template(*with, at, chain);
                is_there = true;
            } catch (const operations::must_wait&) {
                is_there = false;
            }
            if (is_there) co_return true;
            co_await sleep_for(template_look_interval);
        }
        co_return false;
    }

    task<std::pair<int, int>> build_all_templates()
    {
        const auto all = co_await servers.list();
        int built = 0;
        int wanted = 0;
        for (const auto& server : all) {
            if (!server.broker_config || server.state == "offline") continue;
            ++wanted;
            const bool is_there = co_await build_template(server);
            if (is_there) ++built;
        }
        co_return std::pair(built, wanted);
    }

    const config& values;
    migrations::chain chain;
    database::pool pool;
    registry::fleet fleet;
    registry::tenants tenants;
    registry::servers servers;
    registry::installation installation;
    worker_pool workers;
    lane main_lane{"migrate"};
    std::mutex broker_mutex;
    std::unique_ptr<vault_client::identified_broker> broker;
    std::unique_ptr<servers::access> access;
    std::unique_ptr<operations::facilities> with;
    std::string installation_text;
    bool closed = false;
};

fleet_migration::fleet_migration(const config& values) : impl_(std::make_unique<impl>(values)) {}
fleet_migration::~fleet_migration() = default;

migrations::target_source::plan_counts fleet_migration::plan()
{
    return impl_->count(impl_->chain.checksum());
}

std::pair<int, int> fleet_migration::build_templates()
{
    impl_->open_broker();
    return impl_->on_lane(impl_->build_all_templates());
}

migrations::fleet_result
fleet_migration::run(migrations::event_sink& events, migrations::fleet_settings settings)
{
    settings.limits = limits_of(impl_->values);
    return migrations::run_fleet(impl_->chain, *impl_, *impl_, *impl_, events, settings);
}

const migrations::chain& fleet_migration::chain() const noexcept
{
    return impl_->chain;
}

void fleet_migration::close()
{
    impl_->close();
}

fleet_migration::license_facts fleet_migration::license()
{
    license_facts facts;
    facts.installation = impl_->fleet.installation();
    facts.document = impl_->fleet.license_document();
    facts.tenants = impl_->fleet.tenants();
    return facts;
}

}  // namespace leasehold::control_plane
