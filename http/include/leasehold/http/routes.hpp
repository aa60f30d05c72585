#pragma once

#include <leasehold/base/metrics.hpp>
#include <leasehold/http/handler.hpp>
#include <leasehold/http/route.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace leasehold::http {

class meter;

// Finds out who asks. Called for every route whose scope is not `open`. Thread: the listener's lane.
class authenticator
{
public:
    virtual ~authenticator() = default;
    // Null: no credential was given. Throws unauthenticated where one was and does not verify.
    virtual task<std::shared_ptr<const principal>> authenticate(const context& ctx) = 0;
};

// Decides. Not listed is denied: it throws forbidden (or unlicensed, …); what it returns goes to the handler.
// For scope `tenant` the path names the tenant: ctx.path_id<leasehold::tenant_id>("tenant_id").
class authorizer
{
public:
    virtual ~authorizer() = default;
    virtual task<std::shared_ptr<const authorization>>
    authorize(const context& ctx, const permission& needed) = 0;
};

struct routes_settings
{
    std::size_t body_limit = 64U << 10U;
    std::chrono::milliseconds patience{30000};      // of a handler; 0: none
    std::function<void(headers&)> on_every_answer;  // adds headers (Leasehold-Time)
    // handler::enter() of what a route takes.
    std::function<std::shared_ptr<const void>(const incoming& head, std::size_t bytes)> on_enter;
    metrics* meters = nullptr;  // null: process_metrics()
};

// The table of routes of one listener, and everything that is the same for each: match, request id,
// authenticate, authorise, size and type, decode, validate, call, encode, problem+json, one access line,
// metrics. Tests call handle() without a socket. Mount everything before the first request; handlers,
// authenticator and authorizer outlive it. Thread: the listener's lane.
class routes final : public handler
{
public:
    routes(authenticator& who, authorizer& may, routes_settings settings = {});
    ~routes() override;
    routes(const routes&) = delete;
    routes& operator=(const routes&) = delete;

    // Path: literals, {name} (a UUID), {name:text} (one segment of A-Z a-z 0-9 . _ ~ @ : -), {name:rest} (all
    // that follows). Handler: task<Out> (Api::*)(const context&) or (const context&, In). In is read from the
    // JSON body, for get and del from the query, by its field table; without In, either must be empty (but
    // where Out is reply: then the handler looks). Out: void, a struct with a field table, page<T>, accepted,
    // created, no_content, reply. Throws internal "route_invalid": the same twice, or scope tenant without
    // {tenant_id}.
    template <class Api, class Call>
    route& get(std::string path, permission needed, Api* api, Call call)
    {
        return mount(method::get, std::move(path), needed, api, call);
    }
    template <class Api, class Call>
    route& post(std::string path, permission needed, Api* api, Call call)
    {
        return mount(method::post, std::move(path), needed, api, call);
    }
    template <class Api, class Call>
    route& put(std::string path, permission needed, Api* api, Call call)
    {
        return mount(method::put, std::move(path), needed, api, call);
    }
    template <class Api, class Call>
    route& patch(std::string path, permission needed, Api* api, Call call)
    {
        return mount(method::patch, std::move(path), needed, api, call);
    }
    template <class Api, class Call>
    route& del(std::string path, permission needed, Api* api, Call call)
    {
        return mount(method::del, std::move(path), needed, api, call);
    }
    // A plain answer without a class: probes, metrics, documents.
    route& get(std::string path, permission needed, std::function<task<reply>(const context&)> work);

    [[nodiscard]] const std::vector<std::unique_ptr<route>>& all() const noexcept { return all_; }

    // Whole, from request to answer; never throws.
    task<reply> handle(incoming what) override;
    [[nodiscard]] admission admit(const incoming& head) const override;
    std::shared_ptr<const void> enter(const incoming& head, std::size_t bytes) override;
    reply refuse(const incoming& head, const error& why) override;

private:
    struct found
    {
        const route* matched = nullptr;
        std::vector<method> others;  // that path has, where the method does not fit
    };
    template <class Api, class Call>
    route& mount(method how, std::string path, permission needed, Api* api, Call call)
    {
        using facts = call_facts<Call>;
        auto made =
            std::make_unique<typed_call<Api, Call, typename facts::out, typename facts::in>>(api, call);
        return add(how, std::move(path), needed, std::move(made));
    }
    route& add(method how, std::string path, permission needed, std::unique_ptr<route_call> call);

    [[nodiscard]] found match(context& ctx) const;
    [[nodiscard]] found match(const incoming& head, context* ctx) const;
    task<reply> answer(context& ctx, const found& at);
    task<reply> call_in_time(const context& ctx, const route& at, input& from) const;
    void finish(const context& ctx, const route* at, reply& out, const error* why);

    authenticator& who_;
    authorizer& may_;
    routes_settings settings_;
    std::vector<std::unique_ptr<route>> all_;
    std::unique_ptr<meter> meter_;
};

}  // namespace leasehold::http
