#include "api/hosts.hpp"
#include "api/installation.hpp"
#include "api/keys.hpp"
#include "api/operations.hpp"
#include "api/servers.hpp"
#include "api/tenants.hpp"
#include "api/tokens.hpp"
#include "auth/caller.hpp"
#include "bootstrap_owner.hpp"
#include "operations/provision.hpp"
#include "operations/remove_tenant.hpp"
#include "operations/runner.hpp"
#include "operations/suspend.hpp"
#include "operations/sweeper.hpp"

#include <leasehold/base/lane.hpp>
#include <leasehold/base/lane_call.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/base/worker_pool.hpp>
#include <leasehold/control-plane/control_plane.hpp>
#include <leasehold/database/listener.hpp>
#include <leasehold/http/openapi.hpp>
#include <leasehold/migrations/fleet_chain.hpp>
#include <leasehold/registry/connection.hpp>
#include <leasehold/vault-client/identified_broker.hpp>

#include <fmt/format.h>

#include <atomic>
#include <unistd.h>

namespace leasehold::control_plane {
namespace {

// The API's resources over one set of services, mounted in the order of the API's documentation.
struct resources
{
    resources(services& with, operations::tenant_verification& verification)
        : installation(with, verification)
        , tenants(with)
        , operations(with)
        , servers(with)
        , tokens(with)
        , keys(with)
        , hosts(with)
    {}
    void mount(http::routes& on)
    {
        installation.mount(on);
        tenants.mount(on);
        operations.mount(on);
        servers.mount(on);
        tokens.mount(on);
        keys.mount(on);
        hosts.mount(on);
        on.get(
            "/api/v1/openapi.json",
            http::open_to_all,
            [this, &on](const http::context&) -> task<http::reply> {
                co_return http::json_reply(
                    200, http::openapi(on, http::api_info("Leasehold", version), "/api/v1")
                );
            }
        );
    }

    installation_api installation;
    tenants_api tenants;
    operations_api operations;
    servers_api servers;
    tokens_api tokens;
    keys_api keys;
    hosts_api hosts;
    std::string version;
};

std::string process_name()
{
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return fmt::format("{}:{}:{}", host.data(), ::getpid(), uuid::random().to_string().substr(0, 8));
}

}  // namespace

struct control_plane::impl
{
    impl(const config& all, const hmac_keys& keys, control_plane_settings how)
        : values(all)
        , secrets(keys.clone())
        , settings(std::move(how))
        , main_lane("control-plane")
        , pool(
              registry::endpoint_of(all.registry, all.registry.control_plane),
              all.registry.pool.threads,
              all.registry.pool.queue
          )
        , workers("operations", all.control_plane.operations.workers + 4, 256)
        , data(settings.router, settings.router_ca_file, secrets, workers)
        , license(installation, values, settings.development, *settings.clock)
        , chain(migrations::tenant_chain_of(all.migrations))
    {
        if (all.multitenancy.enabled) make_fleet();
        verification.emplace(fleet ? &fleet->with : nullptr, tenants, host_store, data);
        with.emplace(services{
            values,
            secrets,
            tenants,
            server_store,
            operation_store,
            key_store,
            token_store,
            host_store,
            installation,
            license,
            data,
            [this] {
                if (fleet) fleet->runner.wake();
            },
            settings.version,
            std::string(keys.subkey("cursor").reveal()),
            all.multitenancy.enabled,
            std::nullopt});
        authenticator.emplace(key_store, secrets);
        http::routes_settings route_settings;
        route_settings.body_limit = static_cast<std::size_t>(all.limits.request.body);
        route_settings.patience = all.limits.request.timeout;
        routes.emplace(*authenticator, authorizer, route_settings);
        api.emplace(*with, *verification);
        api->version = settings.version;
        api->mount(*routes);
    }

    // What multi-tenancy needs: the broker, and the operations on it.
    struct fleet_side
    {
        fleet_side(impl& of)
            : broker(vault_client::create_identified_broker(
                  of.main_lane.context(), of.values.vault, of.values.vault.auth.provisioner, "provisioner"
              ))
            , access(*broker)
            , with{of.tenants, of.server_store, of.installation, *broker, access, of.workers, of.chain, process_name(), connection_limit_of(of.values)}
            , runner(of.main_lane.context(), of.operation_store, with.owner, runner_settings_of(of.values))
            , sweeper(of.main_lane.context(), with)
        {
            runner.add(std::make_unique<operations::provision>(with));
            runner.add(std::make_unique<operations::suspend>(with));
            runner.add(std::make_unique<operations::resume>(with));
            runner.add(std::make_unique<operations::remove_tenant>(with));
        }
        // A tenant's own, and what its migrations and a check take beside them.
        static int connection_limit_of(const config& from) { return from.limits.tenant.max_connections + 16; }
        static operations::runner_settings runner_settings_of(const config& from)
        {
            operations::runner_settings how;
            how.workers = from.control_plane.operations.workers;
            how.lease = from.control_plane.operations.lease;
            return how;
        }

        std::unique_ptr<vault_client::identified_broker> broker;
        servers::access access;
        operations::facilities with;
        operations::runner runner;
        operations::sweeper sweeper;
    };
    void make_fleet() { fleet = std::make_unique<fleet_side>(*this); }

    task<void> prepare()
    {
        co_await check_schema();
        co_await installation.check_hmac_fingerprints(
            registry::principal::system("start"), secrets.fingerprints()
        );
        co_await ensure_owner(key_store, secrets, values.control_plane);
        co_await license.refresh();
    }

    task<void> check_schema()
    {
        const auto states = co_await installation.schema_states();
        const auto& ours = migrations::registry_chain();
        std::int64_t version = 0;
        for (const auto& one : states) {
            if (one.chain == "registry") version = one.version;
        }
        if (version < ours.version()) {
            throw error(
                error_kind::conflict,
                "schema_behind",
                fmt::format(
                    "the registry is at {}, this release needs {}: run `leasehold migrate`",
                    version,
                    ours.version()
                )
            );
        }
    }

    task<void> watch_license()
    {
        boost::system::error_code woken;
        while (!stopping) {
            license_timer.expires_after(std::chrono::seconds(60));
            co_await license_timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
            if (stopping) co_return;
            try {
                co_await license.refresh();
            } catch (const std::exception& failed) {
                log::failure("license.refresh_failed", failed);
            }
        }
    }

    // Workers look by themselves; the notification only spares the wait.
    void listen_for_operations(database::endpoint at)
    {
        wake_up.reset();  // one at a time
        wake_up = std::make_unique<database::listener>(
            std::move(at),
            "registry_operation",
            [this](std::string_view) { asio::post(main_lane.context(), [this] { fleet->runner.wake(); }); }
        );
    }

    // On the lane.
    void take(const config& next, const hmac_keys& keys)
    {
        take_reloadable(values, next);
        secrets = keys.clone();
        with->cursor_key = std::string(secrets.subkey("cursor").reveal());
        if (fleet) {
            fleet->broker->reload(values.vault, values.vault.auth.provisioner);
            fleet->with.connection_limit = fleet_side::connection_limit_of(values);
        }
        license_timer.cancel();  // looks at once
    }

    task<void> check_keys(std::vector<std::string> fingerprints)
    {
        co_await installation.check_hmac_fingerprints(
            registry::principal::system("reload"), std::move(fingerprints)
        );
    }

    task<void> stop(std::chrono::milliseconds patience)
    {
        stopping = true;
        license_timer.cancel();
        if (listener) co_await listener->drain(patience);
        if (fleet) {
            co_await fleet->sweeper.stop();
            co_await fleet->runner.stop();
            co_await fleet->broker->stop();
        }
    }

    config values;  // a reload changes these two, on the lane
    hmac_keys secrets;
    control_plane_settings settings;
    lane main_lane;
    asio::steady_timer license_timer{main_lane.context()};
    database::pool pool;
    worker_pool workers;
    registry::tenants tenants{pool};
    registry::servers server_store{pool};
    registry::operations operation_store{pool};
    registry::keys key_store{pool};
    registry::tokens token_store{pool};
    registry::hosts host_store{pool};
    registry::installation installation{pool};
    tenant_data data;
    licensing license;
    migrations::chain chain;
    std::unique_ptr<fleet_side> fleet;
    std::optional<operations::tenant_verification> verification;
    std::optional<services> with;
    std::optional<key_authenticator> authenticator;
    matrix_authorizer authorizer;
    std::optional<http::routes> routes;
    std::optional<resources> api;
    std::unique_ptr<http::server> listener;
    std::unique_ptr<database::listener> wake_up;
    std::atomic<bool> ready = false;
    std::atomic<bool> stopping = false;
    bool stopped = false;
};

control_plane::control_plane(const config& values, const hmac_keys& secrets, control_plane_settings settings)
    : impl_(std::make_unique<impl>(values, secrets, std::move(settings)))
{
    run_on(impl_->main_lane.context(), impl_->prepare());
    http::server_settings how;
    how.name = "api";
    how.listen = values.control_plane.listen;
    how.tls = values.control_plane.tls;
    impl_->listener = std::make_unique<http::server>(impl_->main_lane.context(), *impl_->routes, how);
}

control_plane::~control_plane()
{
    drain(std::chrono::milliseconds(0));
}

void control_plane::start()
{
    auto& own = *impl_;
    own.listener->start();
    if (own.fleet) {
        own.listen_for_operations(
            registry::endpoint_of(own.values.registry, own.values.registry.control_plane)
        );
        asio::post(own.main_lane.context(), [&own] {
            own.fleet->runner.start();
            own.fleet->sweeper.start();
        });
    }
    asio::post(own.main_lane.context(), [&own] {
        spawn(own.main_lane.context(), "license watch", own.watch_license());
    });
    own.ready = true;
    log::info("control_plane.listening", {{"address", own.listener->bound().to_string()}});
}

void control_plane::drain(std::chrono::milliseconds patience)
{
    auto& own = *impl_;
    if (own.stopped) return;
    own.stopped = true;
    own.ready = false;
    own.wake_up.reset();
    run_on(own.main_lane.context(), own.stop(patience));
    own.main_lane.join();
    own.pool.join();
}

const address& control_plane::bound() const noexcept
{
    return impl_->listener->bound();
}

bool control_plane::is_ready() const noexcept
{
    return impl_->ready;
}

std::function<void()>
control_plane::prepare_reload(std::shared_ptr<const config> next, std::shared_ptr<const hmac_keys> fresh_keys)
{
    auto& own = *impl_;
    auto take_tls = own.listener->load_tls(next->control_plane.tls);
    const auto at = std::make_shared<database::endpoint>(
        registry::endpoint_of(next->registry, next->registry.control_plane)
    );
    if (fresh_keys->fingerprints() != own.secrets.fingerprints())
        run_on(own.main_lane.context(), own.check_keys(fresh_keys->fingerprints()));
    return [&own, next, fresh_keys, at, take_tls = std::move(take_tls)] {
        take_tls();
        call_on(own.main_lane.context(), [&] { own.take(*next, *fresh_keys); });
        if (own.pool.use(at->clone()) && own.fleet) own.listen_for_operations(std::move(*at));
    };
}

void control_plane::note_reload(reload_report what)
{
    call_on(impl_->main_lane.context(), [&] { impl_->with->last_reload = std::move(what); });
}

}  // namespace leasehold::control_plane
