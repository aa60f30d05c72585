#include "session.hpp"

#include "greeting.hpp"
#include "listener.hpp"
#include "plain_answer.hpp"
#include "request_reader.hpp"
#include "text.hpp"
#include "wiped.hpp"

#include <leasehold/base/log.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <utility>

namespace leasehold::http {
namespace {

using std::chrono::steady_clock;

class registration
{
public:
    registration(session_host& host, live_session& self) : host_(host), self_(self)
    {
        host_.live.insert(&self_);
    }
    ~registration()
    {
        host_.live.erase(&self_);
        if (host_.on_end) host_.on_end();
    }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;

private:
    session_host& host_;
    live_session& self_;
};

// Memory that a request may fill, given back when its answer is out.
class body_share
{
public:
    body_share(session_host& host, std::size_t bytes) : host_(host), bytes_(bytes) { host_.bodies += bytes_; }
    ~body_share() { host_.bodies -= bytes_; }
    body_share(const body_share&) = delete;
    body_share& operator=(const body_share&) = delete;

private:
    session_host& host_;
    std::size_t bytes_;
};

std::string http_date()
{
    const auto now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 32> text{};
    const auto size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {text.data(), size};
}

bool has_content(int status) noexcept
{
    return status >= 200 && status != 204 && status != 304;
}

// Two readers of such a request could see two hosts.
bool names_two_hosts(const headers& fields)
{
    const auto is_host = [](const auto& field) { return equal_without_case(field.first, "Host"); };
    return std::count_if(fields.all().begin(), fields.all().end(), is_host) > 1;
}

wiped_string write_out(const reply& what, bool keep_alive)
{
    wiped_string all;
    const auto line = [&](std::string_view name, std::string_view value) {
        if (is_token(name) && is_field_value(value))
            all.append(name).append(": ").append(value).append("\r\n");
    };
    all.reserve(what.body.size() + 1024);
    all.append("HTTP/1.1 ")
        .append(std::to_string(what.status))
        .append(" ")
        .append(reason_of(what.status))
        .append("\r\n");
    line("Date", http_date());
    for (const auto& [name, value] : what.fields.all()) line(name, value);
    if (has_content(what.status)) line("Content-Length", std::to_string(what.body.size()));
    line("Connection", keep_alive ? "keep-alive" : "close");
    all.append("\r\n");
    if (has_content(what.status)) all.append(what.body);
    return all;
}

// After an answer that leaves input unread: reads and drops what still comes for a moment, else the kernel
// would answer it with a reset that destroys our answer on its way.
task<void> linger(byte_stream& over)
{
    over.expires_at(steady_clock::now() + std::chrono::seconds(2));
    co_await over.finish_sending();
    std::array<char, 8192> dropped{};
    for (std::size_t total = 0; total < (64U << 20U);) {
        error_code failed;
        const auto count = co_await over.read_some(asio::buffer(dropped), failed);
        if (count == 0) break;
        total += count;
    }
}

task<void> say(byte_stream& over, std::string text, std::chrono::milliseconds limit)
{
    over.expires_at(steady_clock::now() + limit);
    error_code ignored;
    co_await over.write(asio::buffer(text), ignored);
}

struct exchange_state
{
    bool goes_on = false;  // another request may follow
    bool is_clean = true;  // nothing of the request is unread
};

class session
{
public:
    session(session_host& host, byte_stream& over, live_session& self, std::string peer)
        : host_(host)
        , over_(over)
        , self_(self)
        , peer_(std::move(peer))
        , server_name_(over.server_name())
        , reader_(host.settings.header_limit)
    {}

    task<void> run()
    {
        exchange_state state;
        do {
            state = exchange_state();
            co_await one_exchange(state);
        } while (state.goes_on && !host_.is_stopping);
        if (!state.is_clean) {
            co_await linger(over_);
        } else {
            over_.expires_at(steady_clock::now() + std::chrono::seconds(1));
            co_await over_.finish_sending();
        }
        over_.close();
    }

private:
    task<void> one_exchange(exchange_state& state)
    {
        const auto& settings = host_.settings;
        const auto end = co_await reader_.read_head(
            over_, settings.idle_timeout, settings.header_timeout, self_.is_waiting
        );
        if (end == read_end::closed || end == read_end::lost) co_return;
        if (end != read_end::complete) {
            const incoming nothing = unread();
            co_await refuse(nothing, end, state);
            co_return;
        }
        auto what = reader_.take_head();
        what.peer = peer_;
        what.is_tls = over_.is_tls();
        what.server_name = server_name_;
        if (!is_target(what.target) || names_two_hosts(what.fields)) {
            co_await refuse(what, read_end::malformed, state);
            co_return;
        }
        co_await admitted(std::move(what), state);
    }

    task<void> admitted(incoming what, exchange_state& state)
    {
        const auto admission = host_.app.admit(what);
        const auto length = reader_.content_length();
        if (!admission.reads_body) {
            state.is_clean = !reader_.has_body();
            co_await answer_with_handler(std::move(what), state);
            co_return;
        }
        if (length.value_or(0) > admission.body_limit) {
            co_await refuse(what, read_end::too_large, state);
            co_return;
        }
        const std::size_t on_wire = reader_.has_body() ? length.value_or(admission.body_limit) : 0;
        const std::size_t bytes = reader_.has_body() ? on_wire + admission.unpacked : 0;
        std::shared_ptr<const void> place;
        auto refusal = try_enter(what, on_wire, bytes, place);
        if (refusal) {
            state.is_clean = !reader_.has_body();
            co_await send(std::move(*refusal), state);
            co_return;
        }
        const body_share share(host_, bytes);
        if (reader_.has_body()) {
            if (reader_.expects_continue()) {
                co_await say(over_, "HTTP/1.1 100 Continue\r\n\r\n", host_.settings.header_timeout);
            }
            const auto end = co_await reader_.read_body(
                over_, admission.body_limit, host_.settings.body_timeout, what.body
            );
            if (end == read_end::lost) co_return;
            if (end != read_end::complete) {
                co_await refuse(what, end, state);
                co_return;
            }
        }
        co_await answer_with_handler(std::move(what), state);
    }

    // Room for the request, or the answer to give instead.
    std::optional<reply> try_enter(
        const incoming& what, std::size_t on_wire, std::size_t bytes, std::shared_ptr<const void>& place
    )
    {
        try {
            if (host_.bodies + bytes > host_.settings.bodies_limit) {
                throw error(
                    error_kind::unavailable, "server_busy", "too many requests are in progress: try again"
                );
            }
            place = host_.app.enter(what, on_wire);
        } catch (const error& why) {
            return host_.app.refuse(what, why);
        }
        return std::nullopt;
    }

    task<void> answer_with_handler(incoming what, exchange_state& state)
    {
        over_.expires_at(deadline::max());
        auto out = co_await host_.app.handle(std::move(what));
        state.goes_on = state.is_clean && reader_.keep_alive();
        co_await send(std::move(out), state);
    }

    task<void> send(reply out, exchange_state& state)
    {
        state.goes_on = state.goes_on && !host_.is_stopping;
        const wiped_string text = write_out(out, state.goes_on);
        wipe(out.body);
        over_.expires_at(steady_clock::now() + host_.settings.body_timeout);
        error_code failed;
        co_await over_.write(asio::buffer(text), failed);
        if (failed) state.goes_on = false;
    }

    // What follows a refused head or body cannot be told from another request: the connection ends.
    task<void> refuse(const incoming& what, read_end end, exchange_state& state)
    {
        state.goes_on = false;
        state.is_clean = false;
        if (end == read_end::late) {
            // Nobody waits for an answer to half a request; the socket is closed already.
            (void)host_.app.refuse(
                what, error(error_kind::timeout, "request_late", "the request did not arrive in time")
            );
            co_return;
        }
        if (end == read_end::too_large) {
            const error why(
                error_kind::invalid, "body_too_large", "the request is larger than this route accepts"
            );
            auto out = host_.app.refuse(what, why);
            co_await send(std::move(out), state);
            co_return;
        }
        const error why(error_kind::protocol, "http_malformed", "this is not a well-formed HTTP/1.1 request");
        auto out = host_.app.refuse(what, why);
        co_await send(std::move(out), state);
    }

    [[nodiscard]] incoming unread() const
    {
        incoming made;
        made.verb = method::other;
        made.peer = peer_;
        made.is_tls = over_.is_tls();
        return made;
    }

    session_host& host_;
    byte_stream& over_;
    live_session& self_;
    std::string peer_;
    std::string server_name_;
    request_reader reader_;
};

// The stream that the listener's settings ask for, or nothing: the peer spoke something else and was told so.
task<std::unique_ptr<byte_stream>> establish(session_host& host, accepted_stream& accepted)
{
    std::unique_ptr<byte_stream> made;
    const auto limit = steady_clock::now() + host.settings.header_timeout;
    error_code failed;
    const auto first = co_await accepted.first_bytes(limit, failed);
    if (failed) co_return made;
    const auto heard = recognise(first);
    const auto wanted = host.context ? greeting::tls : greeting::http;
    if (heard != wanted) {
        log::info(
            "http.wrong_protocol",
            {{"listener", host.settings.name}, {"expects_tls", host.context != nullptr}}
        );
        auto plain = accepted.take_plain();
        co_await say(*plain, answer_to(heard, host.context != nullptr), std::chrono::seconds(1));
        co_await linger(*plain);
        plain->close();
        co_return made;
    }
    if (!host.context) {
        made = accepted.take_plain();
        co_return made;
    }
    auto context = host.context;
    auto secured = co_await accepted.take_tls(std::move(context), limit, failed);
    if (failed) {
        log::info("http.handshake_failed", {{"listener", host.settings.name}, {"error", failed.message()}});
        secured->close();
        co_return made;
    }
    made = std::move(secured);
    co_return made;
}

}  // namespace

task<void> run_session(std::shared_ptr<session_host> host, stream_socket socket)
{
    const std::string peer = peer_of(socket);
    auto accepted = make_accepted_stream(std::move(socket));
    live_session self;
    self.close = [&] { accepted->close(); };
    const registration registered(*host, self);

    auto over = co_await establish(*host, *accepted);
    if (!over) co_return;
    self.close = [&] { over->close(); };
    session life(*host, *over, self, peer);
    co_await life.run();
}

}  // namespace leasehold::http
