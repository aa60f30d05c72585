#include "gzip.hpp"
#include "meter.hpp"
#include "target.hpp"
#include "text.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/http/routes.hpp>

#include <algorithm>
#include <utility>

namespace leasehold::http {
namespace {

using std::chrono::steady_clock;

// Lets a plain function stand behind a route.
class plain_call final : public route_call
{
public:
    explicit plain_call(std::function<task<reply>(const context&)> work) : work_(std::move(work)) {}
    task<reply> run(const context& ctx, input&) const override { return work_(ctx); }

private:
    std::function<task<reply>(const context&)> work_;
};

bool is_text_segment(std::string_view text) noexcept
{
    const auto allowed = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("._~@:-").find(c) != std::string_view::npos;
    };
    const bool is_dots = text == "." || text == "..";
    return !text.empty() && text.size() <= 200 && !is_dots && std::all_of(text.begin(), text.end(), allowed);
}

using parameters = std::map<std::string, std::string, std::less<>>;

bool matches(const std::vector<segment>& pattern, const std::vector<std::string>& path, parameters& into)
{
    std::size_t at = 0;
    for (const auto& wanted : pattern) {
        if (wanted.kind == segment_kind::rest) {
            std::string rest;
            for (; at < path.size(); ++at) {
                if (!is_text_segment(path[at])) return false;
                rest += rest.empty() ? path[at] : "/" + path[at];
            }
            into.emplace(wanted.text, std::move(rest));
            return true;
        }
        if (at == path.size()) return false;
        const auto& given = path[at++];
        if (wanted.kind == segment_kind::literal) {
            if (wanted.text != given) return false;
            continue;
        }
        const bool fits =
            wanted.kind == segment_kind::id ? uuid::parse(given).has_value() : is_text_segment(given);
        if (!fits) return false;
        into.emplace(wanted.text, given);
    }
    return at == path.size();
}

void add_security_headers(headers& fields, bool is_tls)
{
    if (is_tls) fields.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
    fields.set("X-Content-Type-Options", "nosniff");
    fields.set("Cross-Origin-Opener-Policy", "same-origin");
    fields.set("Cross-Origin-Resource-Policy", "same-origin");
    fields.set("Referrer-Policy", "no-referrer");
    if (!fields.find("Cache-Control")) fields.set("Cache-Control", "no-store");
}

std::string list_of(const std::vector<method>& methods)
{
    std::string list;
    for (const auto one : methods) list.append(list.empty() ? "" : ", ").append(to_text(one));
    return list;
}

}  // namespace

routes::routes(authenticator& who, authorizer& may, routes_settings settings)
    : who_(who)
    , may_(may)
    , settings_(std::move(settings))
    , meter_(std::make_unique<meter>(settings_.meters != nullptr ? *settings_.meters : process_metrics()))
{}

routes::~routes() = default;

route& routes::add(method how, std::string path, permission needed, std::unique_ptr<route_call> call)
{
    auto made = std::make_unique<route>(how, std::move(path), needed, std::move(call));
    const auto refuse = [&](const char* why) {
        throw error(error_kind::internal, "route_invalid", std::string(why) + ": " + made->path_);
    };
    for (const auto& other : all_) {
        if (other->verb_ == how && other->path_ == made->path_) refuse("the same route twice");
    }
    const bool names_tenant = made->path_.find("{tenant_id}") != std::string::npos;
    if (needed.needs == scope::tenant && !names_tenant) refuse("a tenant-scoped path without {tenant_id}");
    all_.push_back(std::move(made));
    return *all_.back();
}

route& routes::get(std::string path, permission needed, std::function<task<reply>(const context&)> work)
{
    return add(method::get, std::move(path), needed, std::make_unique<plain_call>(std::move(work)));
}

routes::found routes::match(context& ctx) const
{
    return match(ctx.request_, &ctx);
}

routes::found routes::match(const incoming& head, context* ctx) const
{
    found made;
    const auto parts = parse_target(head.target);
    if (!parts) return made;
    if (ctx != nullptr) {
        ctx->path_ = parts->path;
        ctx->query_ = parts->query;
    }
    for (const auto& one : all_) {
        parameters values;
        if (!matches(one->segments_, parts->segments, values)) continue;
        if (one->verb_ != head.verb) {
            made.others.push_back(one->verb_);
            continue;
        }
        made.matched = one.get();
        if (ctx != nullptr) {
            ctx->route_ = one->path_;
            ctx->parameters_ = std::move(values);
        }
        return made;
    }
    return made;
}

admission routes::admit(const incoming& head) const
{
    const auto at = match(head, nullptr);
    admission made;
    made.reads_body = at.matched != nullptr;
    if (at.matched == nullptr) return made;
    made.body_limit = at.matched->body_limit_ != 0 ? at.matched->body_limit_ : settings_.body_limit;
    if (equal_without_case(head.fields.find("Content-Encoding").value_or(""), "gzip")) {
        made.unpacked = at.matched->unpacked_limit_;
    }
    return made;
}

std::shared_ptr<const void> routes::enter(const incoming& head, std::size_t bytes)
{
    return settings_.on_enter ? settings_.on_enter(head, bytes) : nullptr;
}

task<reply> routes::call_in_time(const context& ctx, const route& at, input& from) const
{
    const auto limit = at.patience_.value_or(settings_.patience);
    auto work = at.call_->run(ctx, from);
    if (limit.count() == 0) co_return co_await std::move(work);
    co_return co_await with_timeout(std::move(work), limit, std::string("request_timeout"));
}

task<reply> routes::answer(context& ctx, const found& at)
{
    if (at.matched == nullptr) {
        if (at.others.empty())
            throw error(error_kind::not_found, "route_not_found", "there is nothing at this path");
        throw error(error_kind::invalid, "method_not_allowed", "this path takes: " + list_of(at.others));
    }
    const route& row = *at.matched;
    if (row.needed_.needs != scope::open) {
        auto caller = co_await who_.authenticate(ctx);
        if (!caller) {
            throw error(
                error_kind::unauthenticated,
                "credential_missing",
                "a credential is needed: Authorization: Bearer"
            );
        }
        ctx.principal_ = std::move(caller);
        auto decided = co_await may_.authorize(ctx, row.needed_);
        ctx.authorization_ = std::move(decided);
    }
    const auto limit = row.body_limit_ != 0 ? row.body_limit_ : settings_.body_limit;
    if (ctx.request_.body.size() > limit) {
        throw error(error_kind::invalid, "body_too_large", "the body is larger than this route accepts");
    }
    const auto encoding = ctx.header("Content-Encoding").value_or("identity");
    if (equal_without_case(encoding, "gzip") && row.unpacked_limit_ != 0) {
        ctx.request_.body = unpack_gzip(ctx.request_.body, row.unpacked_limit_);
    } else if (!equal_without_case(encoding, "identity")) {
        throw error(error_kind::invalid, "media_type", "this content encoding is not accepted here");
    }
    const bool is_query = row.verb_ == method::get || row.verb_ == method::del;
    input from(ctx, ctx.query_, is_query);
    auto out = co_await call_in_time(ctx, row, from);
    meter_->count_ignored(row.path_, from.ignored());
    co_return out;
}

task<reply> routes::handle(incoming what)
{
    context ctx(std::move(what), uuid::time_ordered().to_string());
    meter_->begin();
    const auto at = match(ctx);
    reply out;
    const auto fail = [&](const error& why) {
        out = to_problem(why, ctx.path_, ctx.request_id_);
        finish(ctx, at.matched, out, &why);
    };
    const auto fail_within = [&](const char* cause) {
        fail(error(error_kind::internal, "internal", "the request could not be handled", cause));
    };
    try {
        auto made = co_await answer(ctx, at);
        out = std::move(made);
        finish(ctx, at.matched, out, nullptr);
    } catch (const error& why) {
        fail(why);
    } catch (const std::exception& other) {
        fail_within(other.what());
    } catch (...) {
        fail_within("unknown exception");
    }
    if (!at.matched && !at.others.empty()) out.fields.set("Allow", list_of(at.others));
    meter_->end();
    wipe(ctx.request_.body);
    ctx.request_.fields.wipe();
    co_return out;
}

reply routes::refuse(const incoming& head, const error& why)
{
    context ctx(head, uuid::time_ordered().to_string());
    const auto at = match(ctx);
    auto out = to_problem(why, ctx.path_, ctx.request_id_);
    finish(ctx, at.matched, out, &why);
    return out;
}

void routes::finish(const context& ctx, const route* at, reply& out, const error* why)
{
    for (const auto& [name, value] : ctx.answer_fields_.all()) out.fields.set(name, value);
    if (settings_.on_every_answer) settings_.on_every_answer(out.fields);
    add_security_headers(out.fields, ctx.request_.is_tls);
    out.fields.set("X-Request-Id", ctx.request_id_);

    const std::chrono::duration<double> taken = steady_clock::now() - ctx.request_.arrived_at;
    const std::string_view pattern =
        at != nullptr ? std::string_view(at->path_) : std::string_view("unmatched");
    const auto verb = to_text(ctx.request_.verb);
    meter_->count(pattern, verb, out.status, taken.count());

    const std::string who = ctx.principal_ ? ctx.principal_->log_name() : std::string();
    std::string tenant = ctx.authorization_ ? ctx.authorization_->tenant() : std::string();
    if (tenant.empty() && ctx.principal_) tenant = ctx.principal_->tenant();
    const log::fields told{
        {"method", verb},
        {"route", pattern},
        {"status", out.status},
        {"duration_ms", taken.count() * 1000},
        {"request_id", ctx.request_id_},
        {"principal", who},
        {"tenant", tenant},
        {"peer", ctx.request_.peer}};
    if (why != nullptr) {
        log::failure("http.request", *why, told);
        return;
    }
    const bool is_quiet = at != nullptr && at->is_quiet_;
    log::write(is_quiet ? log_level::debug : log_level::info, "http.request", told);
}

}  // namespace leasehold::http
