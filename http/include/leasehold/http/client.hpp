#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/http/message.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace leasehold::http {

// scheme://host[:port], no path.
struct origin
{
    bool tls = false;
    std::string host;
    std::uint16_t port = 0;
    [[nodiscard]] std::string to_string() const;
    static std::optional<origin> parse(std::string_view url);
    friend bool operator==(const origin&, const origin&) = default;
};

// What went wrong below HTTP, for callers to whom it matters whether the request may have had an effect.
enum class exchange_failure : std::uint8_t
{
    unreachable,
    answer_lost,
    tls,
    malformed,
    too_large
};

// kind unavailable (malformed and too_large: protocol), code "http_unreachable", "http_answer_lost",
// "http_tls", "http_malformed", "http_answer_too_large". `request_sent`: at least one byte of the request
// left this process.
class exchange_error : public error
{
public:
    exchange_error(exchange_failure what, bool request_sent, std::string detail);
    [[nodiscard]] exchange_failure failure() const noexcept { return failure_; }
    [[nodiscard]] bool request_sent() const noexcept { return request_sent_; }

private:
    exchange_failure failure_;
    bool request_sent_;
};

struct request
{
    request() = default;
    request(method how, std::string where) : verb(how), target(std::move(where)) {}

    method verb = method::get;
    std::string target;  // path and query, already encoded
    headers fields;
    std::string body;
    std::size_t answer_limit = 1U << 20U;
    bool wipe = false;  // request and answer buffers held a secret: wiped afterwards
};

struct answer
{
    int status = 0;
    headers fields;
    std::string body;
    boot_time asked_at;  // before the first byte was sent
};

struct client_settings
{
    std::string ca_file;  // PEM, read by the constructor; empty: the system's
    std::chrono::milliseconds connect_timeout{2000};
    std::chrono::milliseconds call_timeout{10000};
    int idle_connections = 2;
    std::chrono::milliseconds idle_limit{60000};
};

// Keep-alive connections to one origin. TLS with SNI and name check always; nothing switches them off. A
// connection that carried a failed exchange is closed. Nothing is repeated, but: a kept connection that turns
// out closed before a byte of an answer is replaced by a new one if no byte was sent. Owner and thread: the
// lane that made it. Kept connections end with the event loop they were made on, so a blocking caller may
// give each call a loop of its own (leasehold::run).
class client
{
public:
    // Errors: exchange_error tls where the CA file cannot be used.
    client(origin where, client_settings settings);
    ~client();
    client(client&&) noexcept;
    client& operator=(client&&) noexcept;

    // Any HTTP status is an answer. Errors: exchange_error; invalid "http_request_invalid" for a target or
    // header that could end its line. `call_timeout` (0: settings') bounds the whole exchange.
    task<answer> send(request what, std::chrono::milliseconds call_timeout = std::chrono::milliseconds(0));
    [[nodiscard]] const origin& where() const noexcept;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace leasehold::http
