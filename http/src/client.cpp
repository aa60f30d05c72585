#include "answer_reader.hpp"
#include "connector.hpp"
#include "idle_streams.hpp"
#include "text.hpp"
#include "wiped.hpp"

#include <leasehold/http/client.hpp>

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <utility>

namespace leasehold::http {
namespace {

using std::chrono::steady_clock;

// Small bodies travel with their head: one segment, one TLS record.
constexpr std::size_t joined_size = 16U << 10U;

void check(const request& what)
{
    const auto refuse = [](const char* detail) {
        throw error(error_kind::invalid, "http_request_invalid", detail);
    };
    if (what.verb == method::other) refuse("the method cannot be sent");
    if (!is_target(what.target)) refuse("the target holds a character that must be encoded");
    for (const auto& [name, value] : what.fields.all()) {
        if (!is_token(name) || !is_field_value(value))
            refuse("a header field holds a character that is not allowed");
    }
}

wiped_string write_head(const request& what, const origin& where)
{
    wiped_string head;
    const auto line = [&](std::string_view name, std::string_view value) {
        head.append(name).append(": ").append(value).append("\r\n");
    };
    head.append(to_text(what.verb)).append(" ").append(what.target).append(" HTTP/1.1\r\n");
    const bool is_usual_port = where.port == (where.tls ? 443 : 80);
    const bool is_v6 = where.host.find(':') != std::string::npos;
    std::string host = is_v6 ? "[" + where.host + "]" : where.host;
    if (!is_usual_port) host += ":" + std::to_string(where.port);
    if (!what.fields.find("Host")) line("Host", host);
    for (const auto& [name, value] : what.fields.all()) {
        if (!equal_without_case(name, "Content-Length")) line(name, value);
    }
    const bool may_have_body =
        what.verb == method::post || what.verb == method::put || what.verb == method::patch;
    if (may_have_body || !what.body.empty()) line("Content-Length", std::to_string(what.body.size()));
    head.append("\r\n");
    return head;
}

// What held a secret is overwritten however the exchange ends.
class wiped_request
{
public:
    explicit wiped_request(request& what) : what_(what) {}
    ~wiped_request()
    {
        if (!what_.wipe) return;
        wipe(what_.body);
        what_.fields.wipe();
    }
    wiped_request(const wiped_request&) = delete;
    wiped_request& operator=(const wiped_request&) = delete;

private:
    request& what_;
};

task<exchange_end> exchange(byte_stream& over, const wiped_string& head, const request& what, deadline limit)
{
    over.expires_at(limit);
    error_code failed;
    co_await over.write(asio::buffer(head), failed);
    if (!failed && what.body.size() > joined_size) co_await over.write(asio::buffer(what.body), failed);
    if (failed && is_timeout(failed)) {
        exchange_end late;
        late.is_lost = true;
        late.detail = "the request could not be sent in time";
        co_return late;
    }
    if (failed) {  // a server that refuses a long body answers first and closes then: what it said may be
                   // there
        over.expires_at(std::min(limit, steady_clock::now() + std::chrono::seconds(1)));
        auto early = co_await read_answer(over, what.answer_limit);
        early.may_be_kept = false;
        if (!early.got) early.detail = "the connection ended while the request was sent: " + failed.message();
        co_return early;
    }
    co_return co_await read_answer(over, what.answer_limit);
}

}  // namespace

struct client::impl
{
    impl(origin at, client_settings how)
        : where(std::move(at))
        , settings(std::move(how))
        , context(where.tls ? make_client_context(settings.ca_file) : nullptr)
    {}

    origin where;
    client_settings settings;
    std::shared_ptr<asio::ssl::context> context;
    std::shared_ptr<idle_streams> idle;

    // Those of the loop that is running now.
    idle_streams& idle_on(asio::execution_context& loop)
    {
        if (!idle || !idle->belongs_to(loop)) idle = idle_streams::make(loop);
        return *idle;
    }

    task<std::unique_ptr<byte_stream>> obtain(deadline limit, bool& is_fresh)
    {
        auto executor = co_await asio::this_coro::executor;
        auto kept = idle_on(asio::query(executor, asio::execution::context)).take(settings.idle_limit);
        is_fresh = kept == nullptr;
        if (kept) co_return kept;
        const auto soon = std::min(limit, steady_clock::now() + settings.connect_timeout);
        co_return co_await connect_to(where, context, soon);
    }

    static task<answer>
    send(std::shared_ptr<impl> self, request what, std::chrono::milliseconds call_timeout);
};

task<answer>
client::impl::send(std::shared_ptr<impl> self, request what, std::chrono::milliseconds call_timeout)
{
    const wiped_request guard(what);
    check(what);
    if (call_timeout.count() <= 0) call_timeout = self->settings.call_timeout;
    const auto limit = steady_clock::now() + call_timeout;
    wiped_string head = write_head(what, self->where);
    if (what.body.size() <= joined_size) head.append(what.body);

    for (;;) {
        bool is_fresh = false;
        auto stream = co_await self->obtain(limit, is_fresh);
        const auto asked_at = boot_clock::now();
        const auto taken_before = stream->bytes_taken();
        auto end = co_await exchange(*stream, head, what, limit);
        const bool is_sent = stream->bytes_taken() != taken_before;
        if (end.got) {
            end.got->asked_at = asked_at;
            const auto most = static_cast<std::size_t>(std::max(self->settings.idle_connections, 0));
            if (end.may_be_kept) self->idle->keep(std::move(stream), most);
            co_return std::move(*end.got);
        }
        stream->close();
        if (end.is_lost && !is_sent) {
            const bool may_try_another = !is_fresh && steady_clock::now() < limit;
            if (may_try_another) continue;
            end.failure = exchange_failure::unreachable;
        }
        throw exchange_error(end.failure, is_sent, self->where.to_string() + ": " + end.detail);
    }
}

client::client(origin where, client_settings settings)
    : impl_(std::make_shared<impl>(std::move(where), std::move(settings)))
{}

client::~client() = default;
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;

task<answer> client::send(request what, std::chrono::milliseconds call_timeout)
{
    return impl::send(impl_, std::move(what), call_timeout);
}

const origin& client::where() const noexcept
{
    return impl_->where;
}

}  // namespace leasehold::http
