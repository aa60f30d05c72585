#pragma once

#include <leasehold/base/task.hpp>
#include <leasehold/http/answers.hpp>
#include <leasehold/http/context.hpp>
#include <leasehold/http/fields.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace leasehold::http {

// The input of one request on its way into a struct: the JSON body, or for GET and DELETE the query.
class input
{
public:
    input(const context& ctx, std::string_view encoded_query, bool is_query)
        : ctx_(ctx)
        , query_(encoded_query)
        , is_query_(is_query)
    {}

    // Reads and validates; throws fields_error, "body_malformed", "query_unknown", "media_type".
    template <class In>
    void read(In& into)
    {
        if (is_query_) {
            read_query([&](std::string_view name, std::string_view text, decoding& at) {
                const auto* one = table_of<In>().find(name);
                if (one == nullptr) return false;
                with_value(
                    [&](json& value) { one->to_value(text, value); },
                    [&](const json& value) { one->decode(value, into, at); }
                );
                return true;
            });
        } else {
            read_body([&](const json& body, decoding& at) { codec<In>::decode(body, into, at); });
        }
    }
    // For handlers that take none: no query parameter and no body may be there.
    void expect_none();

    [[nodiscard]] std::size_t ignored() const noexcept { return ignored_; }

private:
    void read_body(const std::function<void(const json&, decoding&)>& decode);
    void read_query(const std::function<bool(std::string_view, std::string_view, decoding&)>& decode);
    static void
    with_value(const std::function<void(json&)>& fill, const std::function<void(const json&)>& use);

    const context& ctx_;
    std::string_view query_;
    bool is_query_;
    std::size_t ignored_ = 0;
};

// What a route calls, without its types.
class route_call
{
public:
    virtual ~route_call() = default;
    virtual task<reply> run(const context& ctx, input& from) const = 0;
    [[nodiscard]] virtual bool has_input() const noexcept { return false; }
    // The names of its query parameters and their schemas, or the schema of its body.
    virtual void describe_input(json&, schema_book&) const {}
    virtual void describe_answer(json&, schema_book&) const {}
    [[nodiscard]] virtual int status() const noexcept { return 200; }
};

template <class Api, class Call, class Out, class In>
class typed_call final : public route_call
{
public:
    typed_call(Api* api, Call call) : api_(api), call_(call) {}

    task<reply> run(const context& ctx, input& from) const override
    {
        if constexpr (std::is_void_v<In>) {
            if constexpr (!std::is_same_v<Out, reply>) from.expect_none();
            auto work = std::invoke(call_, *api_, ctx);
            return finish(std::move(work));
        } else {
            In in{};
            from.read(in);
            auto work = std::invoke(call_, *api_, ctx, std::move(in));
            return finish(std::move(work));
        }
    }
    [[nodiscard]] bool has_input() const noexcept override { return !std::is_void_v<In>; }
    void describe_input([[maybe_unused]] json& schema, [[maybe_unused]] schema_book& book) const override
    {
        if constexpr (!std::is_void_v<In>) codec<In>::describe(schema, book);
    }
    void describe_answer(json& schema, schema_book& book) const override
    {
        answer_facts<Out>::describe(schema, book);
    }
    [[nodiscard]] int status() const noexcept override { return answer_facts<Out>::status; }

private:
    static task<reply> finish(task<Out> work)
    {
        if constexpr (std::is_void_v<Out>) {
            co_await std::move(work);
            co_return reply(204);
        } else {
            auto out = co_await std::move(work);
            co_return to_reply(std::move(out));
        }
    }

    Api* api_;
    Call call_;
};

template <class Call>
struct call_facts;
template <class Api, class Out>
struct call_facts<task<Out> (Api::*)(const context&)>
{
    using out = Out;
    using in = void;
};
template <class Api, class Out>
struct call_facts<task<Out> (Api::*)(const context&) const> : call_facts<task<Out> (Api::*)(const context&)>
{};
template <class Api, class Out, class In>
struct call_facts<task<Out> (Api::*)(const context&, In)>
{
    static_assert(
        !std::is_reference_v<In>, "a handler takes its input by value: it lives in the coroutine's frame"
    );
    using out = Out;
    using in = std::remove_cvref_t<In>;
};
template <class Api, class Out, class In>
struct call_facts<task<Out> (Api::*)(const context&, In) const>
    : call_facts<task<Out> (Api::*)(const context&, In)>
{};

enum class segment_kind : std::uint8_t
{
    literal,
    id,
    text,
    rest
};

struct segment
{
    segment_kind kind = segment_kind::literal;
    std::string text;  // the literal, or the parameter's name
};

// One row of the table, and what is adjusted when it is mounted: on.put(…).body_limit(4 << 20).gzip(16 <<
// 20);
class route
{
public:
    route(method how, std::string path, permission needed, std::unique_ptr<route_call> call);

    route& body_limit(std::size_t bytes);
    // Content-Encoding gzip is accepted, up to so many bytes unpacked.
    route& gzip(std::size_t unpacked_limit);
    // A wait of the handler is cut after this time: 504 "request_timeout". 0: never (long polls).
    route& patience(std::chrono::milliseconds limit);
    route& summary(std::string text);
    route& codes(std::vector<std::string> codes);  // what it may refuse with, beyond the general ones
    // Quiet in the log: probes.
    route& quiet();
    // What `accepted` and `created` carry, for the OpenAPI document.
    template <class T>
    route& answers()
    {
        describe_body_ = &codec<T>::describe;
        return *this;
    }

    [[nodiscard]] method verb() const noexcept { return verb_; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] const permission& needed() const noexcept { return needed_; }

private:
    friend class routes;
    friend class api_document;

    method verb_;
    std::string path_;
    permission needed_;
    std::unique_ptr<route_call> call_;
    std::vector<segment> segments_;
    std::size_t body_limit_ = 0;      // 0: the default
    std::size_t unpacked_limit_ = 0;  // 0: gzip is refused
    std::optional<std::chrono::milliseconds> patience_;
    std::string summary_;
    std::vector<std::string> codes_;
    bool is_quiet_ = false;
    void (*describe_body_)(json&, schema_book&) = nullptr;
};

}  // namespace leasehold::http
