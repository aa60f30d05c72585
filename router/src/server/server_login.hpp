#pragma once

#include "front/peer_socket.hpp"
#include "relay/verified_server.hpp"
#include "server/server_tls.hpp"

#include <leasehold/base/task.hpp>
#include <leasehold/base/worker_pool.hpp>
#include <leasehold/router/directory.hpp>
#include <leasehold/router/wire/message_writer.hpp>
#include <leasehold/router/wire/scram.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::router {

// As whom and where to. One per lease (or per process, in collapsed mode): the salted password is worked out
// once.
class server_identity
{
public:
    server_identity(std::string user, std::shared_ptr<const secret<std::string>> password)
        : user_(std::move(user))
        , password_(std::move(password))
    {}
    [[nodiscard]] const std::string& user() const noexcept { return user_; }
    // PBKDF2, on a worker; kept as long as salt and iterations stay.
    task<std::string_view> salted(worker_pool& on, const std::string& salt, int iterations);

private:
    std::string user_;
    std::shared_ptr<const secret<std::string>> password_;
    std::string salt_;
    int iterations_ = 0;
    secret<std::string> salted_;
};

// What the server said instead of letting us in.
struct server_refused : std::exception
{
    server_refused(std::string_view state, std::string_view text, std::string_view where)
        : sqlstate(state)
        , message(text)
        , routine(where)
    {}
    [[nodiscard]] const char* what() const noexcept override { return message.c_str(); }
    std::string sqlstate;
    std::string message;
    std::string routine;
};

// Not there, not TLS, not the right certificate, or silent: the server's state, or the path to it.
struct server_away : std::exception
{
    explicit server_away(std::string why) : reason(std::move(why)) {}
    [[nodiscard]] const char* what() const noexcept override { return reason.c_str(); }
    std::string reason;
};

struct session_request
{
    session_request() = default;
    std::string database;
    std::string search_path;
    std::string application_name;
};

using text_row = std::vector<std::optional<std::string>>;

// One connection to a PostgreSQL server, from connect to idle and verified. Errors: server_away,
// server_refused. Owner and thread: the coroutine of its lane that made it.
class server_login
{
public:
    server_login(asio::io_context& on, worker_pool& hashing) : on_(on), hashing_(hashing) {}

    // The first address that answers. TLS as the row says.
    task<void> connect(const server_record& server, server_tls& tls, std::chrono::milliseconds limit);
    task<void> authenticate(const session_request& what, server_identity& who);
    // One statement with text parameters; its only row. Errors as above; server_away when there is no row.
    task<text_row> ask(std::string_view sql, const std::vector<std::string>& values);

    [[nodiscard]] bool has_tls() const noexcept { return socket_ && socket_->tls() != nullptr; }
    // Everything but the lease, which the caller knows. The object is empty afterwards.
    relay::verified_server release();

private:
    struct message
    {
        char type = 0;
        std::string body;
    };
    task<message> read();
    task<void> send();
    task<bool> try_address(const std::string& host, const std::string& port, const server_record& server);
    task<void> begin_tls(const server_record& server, SSL_CTX* context);
    task<void> answer(const message& request, const session_request& what, server_identity& who);
    task<void> prove(std::string_view mechanisms, server_identity& who);
    [[noreturn]] static void refuse(const message& from);

    asio::io_context& on_;
    worker_pool& hashing_;
    std::unique_ptr<peer_socket> socket_;
    std::shared_ptr<relay::server_address> address_;
    std::shared_ptr<relay::parameter_set> parameters_ = std::make_shared<relay::parameter_set>();
    std::string incoming_;
    wire::message_writer writer_;
    wire::server_pid pid_;
    std::optional<wire::server_key> key_;
    std::string failure_;
};

}  // namespace leasehold::router
