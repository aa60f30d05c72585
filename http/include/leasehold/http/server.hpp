#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/http/handler.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace leasehold::http {

struct server_settings
{
    std::string name = "http";  // in logs: api, agents, metrics
    address listen;             // port 0: any free one; unix: the socket file is made 0660 and removed again
    tls_files tls;              // set: TLS 1.2 or later and nothing else; empty: plain
    std::size_t max_sessions = 1024;  // above: 503 "server_busy" and closed
    std::size_t header_limit = 16U << 10U;
    std::size_t bodies_limit =
        256U << 20U;  // of all requests in flight; above: 503 "server_busy" before the body
    std::chrono::milliseconds header_timeout{10000};  // first byte to end of head, TLS handshake
    std::chrono::milliseconds body_timeout{30000};    // of a request's body, of an answer to a slow reader
    std::chrono::milliseconds idle_timeout{120000};   // between requests
};

// A listener and its connections: HTTP/1.1 with keep-alive. Everything that does not speak the listener's
// language (plain text where TLS is expected and the reverse, PostgreSQL) gets one clear answer and is
// closed. Thread: the lane of `where`, but construction, start(), bound(), load_tls() and its answer: any
// thread, one at a time. `app` outlives the lane.
class server
{
public:
    // Binds and reads the certificate. Errors: conflict "address_in_use", unavailable "listen_failed",
    // invalid "tls_files_unusable".
    server(asio::io_context& where, handler& app, server_settings settings);
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    void start();
    [[nodiscard]] const address& bound() const noexcept;  // with the real port

    // Reads certificate and key, the same or others (empty: plain from then on). The answer takes them, once:
    // connections made from then on use them. Errors: invalid "tls_files_unusable".
    [[nodiscard]] std::function<void()> load_tls(const tls_files& from);

    // Closes the listener and idle connections, lets requests in progress be answered (with Connection:
    // close) for at most `patience`, then closes their sockets. On the lane. Safe to call twice.
    task<void> drain(std::chrono::milliseconds patience);
    [[nodiscard]] std::size_t sessions() const noexcept;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace leasehold::http
