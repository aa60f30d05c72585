#include "thing_api.hpp"

#include <utility>

template <>
struct leasehold::http::texts<leasehold::http::testing::size_class>
{
    using size_class = testing::size_class;
    static constexpr std::array rows{
        std::pair{size_class::small, std::string_view("small")},
        std::pair{size_class::large, std::string_view("large")},
    };
};

namespace leasehold::http::testing {
namespace {

bool is_slug(std::string_view text)
{
    return slug::parse(text).has_value();
}

const rule slug_rules = shaped("^[a-z]([a-z0-9-]*[a-z0-9])?$", &is_slug, "slug_invalid");

const fields<bounds> bounds_fields{
    {"max_hosts", &bounds::max_hosts, at_least(1)},
    {"is_hard", &bounds::is_hard, or_default()},
};

const fields<thing_create> thing_create_fields{
    {"slug", &thing_create::slug, slug_rules},
    {"name", &thing_create::name, between(1, 20)},
    {"amount", &thing_create::amount, between(1, 100), or_default()},
    {"size", &thing_create::size},
    {"tags", &thing_create::tags, at_most(3), or_default()},
    {"labels", &thing_create::labels, at_most(2), or_default()},
    {"limits", &thing_create::limits},
    {"settings", &thing_create::settings, or_default()},
    {"ends_at", &thing_create::ends_at},
    {"server_id", &thing_create::server},
};

const fields<thing_patch> thing_patch_fields{
    {"name", &thing_patch::name, at_most(20)},
    {"amount", &thing_patch::amount},
};

const fields<thing_view> thing_view_fields{
    {"tenant_id", &thing_view::tenant},
    {"slug", &thing_view::slug, about("its name in addresses")},
    {"name", &thing_view::name},
    {"amount", &thing_view::amount},
    {"labels", &thing_view::labels},
    {"settings", &thing_view::settings},
    {"limits", &thing_view::limits},
};

const fields<thing_filter> thing_filter_fields{
    {"slug", &thing_filter::slug, slug_rules},
    {"limit", &thing_filter::limit, between(1, 200), or_default()},
    {"deep", &thing_filter::is_deep, or_default()},
};

const fields<beat> beat_fields{
    unknown_members::ignored,
    {
        {"at", &beat::at},
    },
};

thing_view view_of(tenant_id tenant, const thing_create& in)
{
    thing_view made;
    made.tenant = tenant;
    made.slug = in.slug;
    made.name = in.name;
    made.amount = in.amount;
    made.labels = in.labels;
    made.settings = in.settings;
    made.limits = in.limits;
    return made;
}

}  // namespace

task<std::shared_ptr<const principal>> test_gate::authenticate(const context& ctx)
{
    const auto bearer = ctx.bearer();
    if (!bearer) co_return nullptr;
    const bool is_known = *bearer == "acme" || *bearer == "globex" || *bearer == "platform";
    if (!is_known) throw error(error_kind::unauthenticated, "key_invalid", "the key is not valid");
    co_return std::make_shared<test_principal>(std::string(*bearer));
}

task<std::shared_ptr<const authorization>> test_gate::authorize(const context& ctx, const permission& needed)
{
    const auto& who = ctx.principal_as<test_principal>().who();
    if (needed.needs == scope::principal) co_return nullptr;
    if (needed.needs == scope::platform) {
        if (who != "platform") throw error(error_kind::forbidden, "forbidden", "not for you");
        co_return nullptr;
    }
    const auto tenant = ctx.path_id<tenant_id>("tenant_id");
    const bool is_own = (who == "acme" && tenant == acme) || (who == "globex" && tenant == globex);
    if (!is_own) throw error(error_kind::forbidden, "tenant_access_denied", "not your tenant");
    co_return std::make_shared<test_scope>(tenant);
}

void thing_api::mount(routes& on)
{
    on.get("/api/v1/things", may::read_things, this, &thing_api::list).summary("All things");
    on.post("/api/v1/things", may::write_things, this, &thing_api::make).codes({"slug_invalid"});
    on.post("/api/v1/things/created", may::write_things, this, &thing_api::make_created)
        .answers<thing_view>();
    on.post("/api/v1/things/begin", may::write_things, this, &thing_api::begin);
    on.get("/api/v1/tenants/{tenant_id}", may::read_tenant, this, &thing_api::show);
    on.patch("/api/v1/tenants/{tenant_id}", may::read_tenant, this, &thing_api::patch);
    on.del("/api/v1/tenants/{tenant_id}", may::read_tenant, this, &thing_api::remove);
    on.put("/api/v1/inventory/{kind:text}", may::see_self, this, &thing_api::store)
        .body_limit(1000)
        .gzip(100000);
    on.post("/api/v1/beats", may::see_self, this, &thing_api::beats);
    on.get("/api/v1/failures/{what:text}", may::see_self, this, &thing_api::fail);
    on.get("/api/v1/hang", may::see_self, this, &thing_api::hang).patience(std::chrono::milliseconds(20));
    on.get("/healthz", open_to_all, [](const context&) -> task<reply> {
          co_return plain_text(200, "ok\n");
      }).quiet();
    on.get("/ui/{file:rest}", open_to_all, [](const context& ctx) -> task<reply> {
        co_return plain_text(200, ctx.path_text("file"));
    });
}

task<page<thing_view>> thing_api::list(const context&, thing_filter filter)
{
    page<thing_view> made;
    thing_create like;
    like.slug = filter.slug.value_or("none");
    like.amount = filter.limit;
    if (filter.is_deep) like.name = "deep";
    made.items.push_back(view_of(acme, like));
    made.next = "cursor";
    co_return made;
}

task<thing_view> thing_api::make(const context&, thing_create in)
{
    if (in.slug == "taken") throw error(error_kind::conflict, "slug_taken", "the slug is taken");
    if (in.slug == "reserved") throw fields_error("/slug", "name_reserved", "is reserved");
    co_return view_of(acme, in);
}

task<created> thing_api::make_created(const context&, thing_create in)
{
    const auto view = view_of(acme, in);
    co_return created("/api/v1/tenants/" + acme.to_string(), view);
}

task<accepted> thing_api::begin(const context&)
{
    nlohmann::json body;
    body["state"] = "queued";
    co_return accepted("/api/v1/operations/1", body);
}

task<thing_view> thing_api::show(const context& ctx) const
{
    thing_create like;
    like.slug = ctx.principal_as<test_principal>().who();
    co_return view_of(ctx.authorization_as<test_scope>().id(), like);
}

task<thing_view> thing_api::patch(const context& ctx, thing_patch in)
{
    thing_create like;
    like.slug = "patched";
    like.name = "before";
    if (in.name.is_given) like.name = in.name.value;
    if (in.amount.is_given) like.amount = in.amount.value.value_or(-1);
    co_return view_of(ctx.authorization_as<test_scope>().id(), like);
}

task<void> thing_api::remove(const context&)
{
    co_return;
}

task<reply> thing_api::store(const context& ctx)
{
    ctx.set_header("Leasehold-Time", "now");
    co_return plain_text(200, ctx.path_text("kind") + ":" + std::to_string(ctx.request().body.size()));
}

task<void> thing_api::beats(const context&, beat)
{
    co_return;
}

task<reply> thing_api::fail(const context& ctx)
{
    const auto& what = ctx.path_text("what");
    ctx.set_header("Leasehold-Time", "now");
    if (what == "later")
        throw retry_later(error_kind::unavailable, "tenant_unavailable", "away", std::chrono::seconds(9));
    if (what == "unavailable")
        throw error(error_kind::unavailable, "broker_sealed", "the broker is sealed", "10.0.0.7");
    if (what == "unlicensed") throw error(error_kind::unlicensed, "license_missing", "no license");
    if (what == "std") throw std::runtime_error("secret internals");
    throw 7;
}

task<reply> thing_api::hang(const context&)
{
    co_await sleep_for(std::chrono::hours(1));
    co_return reply(200);
}

thing_service::thing_service()
    : table(gate, gate, [&] {
        routes_settings made;
        made.meters = &meters;
        return made;
    }())
{
    api.mount(table);
}

reply thing_service::ask(incoming what)
{
    auto work = table.handle(std::move(what));
    return run(std::move(work));
}

reply thing_service::ask(method verb, std::string target, std::string body, std::string who)
{
    incoming what(verb, std::move(target));
    if (!who.empty()) what.fields.set("Authorization", "Bearer " + who);
    if (!body.empty()) what.fields.set("Content-Type", "application/json");
    what.body = std::move(body);
    return ask(std::move(what));
}

}  // namespace leasehold::http::testing
