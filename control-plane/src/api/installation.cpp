#include "api/installation.hpp"

#include "auth/caller.hpp"

namespace leasehold::control_plane {
namespace {

using namespace http;  // the rules of field tables

const fields<whoami_tenant> whoami_tenant_fields{
    {"id", &whoami_tenant::id},
    {"slug", &whoami_tenant::slug},
    {"role", &whoami_tenant::role},
};

const fields<whoami_view> whoami_fields{
    {"kind", &whoami_view::kind},
    {"id", &whoami_view::id},
    {"name", &whoami_view::name},
    {"role", &whoami_view::role},
    {"platform_role", &whoami_view::platform_role},
    {"tenants", &whoami_view::tenants},
    {"expires_at", &whoami_view::expires_at},
};

const fields<router_view> router_fields{
    {"id", &router_view::id},
    {"role", &router_view::role},
    {"address", &router_view::address},
    {"version", &router_view::version},
    {"applied_change", &router_view::applied_change},
    {"seen_at", &router_view::seen_at},
};

const fields<reload_view> reload_fields{
    {"at", &reload_view::at},
    {"applied", &reload_view::applied},
    {"restart_needed", &reload_view::restart_needed},
    {"refused", &reload_view::refused},
};

const fields<status_view> status_fields{
    {"version", &status_view::version},
    {"mode", &status_view::mode},
    {"license", &status_view::license},
    {"installation", &status_view::installation},
    {"routers", &status_view::routers},
    {"reload", &status_view::reload},
};

const fields<license_view> license_fields{
    {"state", &license_view::state},
    {"code", &license_view::code},
    {"why", &license_view::why},
    {"claims", &license_view::claims},
    {"tenants", &license_view::tenants},
};

const fields<license_install> license_install_fields{
    {"document", &license_install::document, between(1, 16384)},
};

const fields<operations::verification_report> verification_fields{
    {"tenant", &operations::verification_report::slug},
    {"tid", &operations::verification_report::tid},
    {"database", &operations::verification_report::database},
    {"route", &operations::verification_report::route},
    {"lease", &operations::verification_report::lease},
    {"marker", &operations::verification_report::marker},
    {"registry", &operations::verification_report::registry_hosts},
    {"hosts", &operations::verification_report::database_hosts},
    {"missing", &operations::verification_report::missing},
    {"orphan", &operations::verification_report::orphan},
    {"foreign", &operations::verification_report::foreign},
    {"problems", &operations::verification_report::problems},
};

}  // namespace

void installation_api::mount(http::routes& on)
{
    on.get("/api/v1/whoami", may::know_itself, this, &installation_api::whoami);
    on.get("/api/v1/status", may::read_status, this, &installation_api::status);
    on.get("/api/v1/license", may::read_license, this, &installation_api::show_license);
    on.put("/api/v1/license", may::install_license, this, &installation_api::install)
        .codes({"license_malformed", "license_signature", "license_expired"});
    on.post("/api/v1/tenants/{tenant_id}/verify", may::verify_tenant, this, &installation_api::verify)
        .patience(std::chrono::seconds(60));
}

task<whoami_view> installation_api::whoami(const http::context& ctx)
{
    const auto& who = caller_of(ctx);
    whoami_view view;
    view.kind = "key";
    view.id = who.key().id.to_string();
    view.name = who.key().name;
    view.role = std::string(to_text(who.role()));
    view.expires_at = who.key().expires_at;
    if (who.own_tenant()) {
        const auto found = co_await with_.tenants.get(*who.own_tenant());
        view.tenants.push_back({found.id.to_string(), found.slug, view.role});
    } else {
        view.platform_role = view.role;
    }
    co_return view;
}

task<status_view> installation_api::status(const http::context& ctx)
{
    status_view view;
    view.version = with_.version;
    view.mode = with_.multitenant ? "multi-tenant" : "single-tenant";
    view.license = with_.multitenant ? std::string(to_text(with_.license.state())) : "not needed";
    if (caller_of(ctx).own_tenant()) co_return view;  // the rest is for platform roles
    const auto id = co_await with_.installation.id();
    view.installation = id.to_string();
    const auto routers = co_await with_.installation.routers();
    for (const auto& one : routers) {
        view.routers.push_back(
            {one.id.to_string(), one.role, one.address, one.version, one.applied_change, one.seen_at}
        );
    }
    if (const auto& last = with_.last_reload) {
        reload_view told;
        told.at = last->at;
        told.applied = last->changes.applied;
        told.restart_needed = last->changes.restart_needed;
        if (!last->refused.empty()) told.refused = last->refused;
        view.reload = std::move(told);
    }
    co_return view;
}

task<license_view> installation_api::license_now()
{
    license_view view;
    view.state = std::string(to_text(with_.license.state()));
    if (with_.license.refusal()) {
        view.code = with_.license.refusal()->code;
        view.why = with_.license.refusal()->why;
    }
    if (with_.license.claims()) view.claims = to_json(*with_.license.claims());
    const auto count = co_await with_.tenants.count();
    view.tenants = count;
    co_return view;
}

task<license_view> installation_api::show_license(const http::context&)
{
    co_await with_.license.refresh();
    co_return co_await license_now();
}

task<license_view> installation_api::install(const http::context& ctx, license_install in)
{
    co_await with_.license.install(auditable(ctx), std::move(in.document));
    co_return co_await license_now();
}

task<operations::verification_report> installation_api::verify(const http::context& ctx)
{
    co_return co_await verification_.verify(scope_of(ctx).id(), auditable(ctx));
}

}  // namespace leasehold::control_plane
