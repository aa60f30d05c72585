#pragma once

#include "byte_stream.hpp"

#include <leasehold/http/handler.hpp>
#include <leasehold/http/server.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <unordered_set>

namespace leasehold::http {

// A live connection, as its listener sees it: registered in the coroutine's frame for as long as it runs.
struct live_session
{
    std::function<void()> close;
    bool is_waiting = true;  // between requests: may be closed without loss
};

// What the sessions of one listener share. One lane.
struct session_host
{
    session_host(handler& behind, server_settings how) : app(behind), settings(std::move(how)) {}

    handler& app;
    server_settings settings;
    std::shared_ptr<asio::ssl::context> context;  // none: plain
    std::unordered_set<live_session*> live;
    std::size_t bodies = 0;  // bytes promised to requests in flight
    bool is_stopping = false;
    std::function<void()> on_end;  // a session has ended
};

// A connection's life: first bytes, TLS, requests until one side ends it. Throws nothing that matters to
// others.
task<void> run_session(std::shared_ptr<session_host> host, stream_socket socket);

}  // namespace leasehold::http
