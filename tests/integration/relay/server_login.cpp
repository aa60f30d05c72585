#include "server_login.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/router/wire/message_reader.hpp>
#include <leasehold/router/wire/message_writer.hpp>
#include <leasehold/router/wire/scram.hpp>
#include <leasehold/router/wire/server_stream.hpp>
#include <leasehold/router/wire/startup.hpp>

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <array>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace leasehold::router::relay::test {
namespace {

class blocking_socket
{
public:
    explicit blocking_socket(const login_facts& where)
    {
        const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socket_ = connected_socket(descriptor);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(where.port);
        ::inet_pton(AF_INET, where.host == "localhost" ? "127.0.0.1" : where.host.c_str(), &to.sin_addr);
        if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
            throw std::runtime_error("cannot connect to " + where.host);
        }
        const int on = 1;
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (!where.ca_file.empty()) secure(where);
    }

    void send(std::string_view bytes)
    {
        const auto count = socket_.tls() != nullptr
                               ? SSL_write(socket_.tls(), bytes.data(), static_cast<int>(bytes.size()))
                               : ::send(socket_.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count != static_cast<long>(bytes.size()))
            throw std::runtime_error("the server does not take the login");
    }
    std::string receive()  // empty at the end
    {
        std::array<char, 8192> buffer{};
        const auto count = socket_.tls() != nullptr
                               ? SSL_read(socket_.tls(), buffer.data(), static_cast<int>(buffer.size()))
                               : ::recv(socket_.descriptor(), buffer.data(), buffer.size(), 0);
        return count <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(count));
    }
    connected_socket take()
    {
        ::fcntl(socket_.descriptor(), F_SETFL, O_NONBLOCK);
        return std::move(socket_);
    }
    [[nodiscard]] int descriptor() const { return socket_.descriptor(); }

private:
    void secure(const login_facts& where)
    {
        wire::message_writer out;
        out.ssl_request();
        send(out.view());
        if (receive() != "S") throw std::runtime_error("the server has no TLS");
        const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
            SSL_CTX_new(TLS_client_method()), &SSL_CTX_free
        );
        SSL_CTX_load_verify_locations(context.get(), where.ca_file.c_str(), nullptr);
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
        tls_session session(SSL_new(context.get()));
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session.get()), where.host.c_str());
        SSL_set_fd(session.get(), socket_.descriptor());
        if (SSL_connect(session.get()) != 1) throw std::runtime_error("TLS to the server failed");
        const int descriptor = ::fcntl(socket_.descriptor(), F_DUPFD_CLOEXEC, 0);
        SSL_set_fd(session.get(), descriptor);
        socket_ = connected_socket(descriptor, std::move(session));
    }

    connected_socket socket_;
};

std::string
authenticate(wire::scram_client& scram, const wire::server_event& event, const std::string& password)
{
    wire::message_writer out;
    switch (event.code) {
    case 0:
        return {};
    case 10:
        if (!scram.choose(event.body)) throw std::runtime_error("no common mechanism");
        out.sasl_initial_response(scram.mechanism(), scram.begin().out);
        return out.take();
    case 11: {
        if (scram.read_challenge(event.body).state == wire::scram_state::failed)
            throw std::runtime_error("scram");
        const auto salted = crypto::pbkdf2_sha256(password, scram.salt(), scram.iterations());
        out.sasl_response(scram.respond(crypto::view(salted)).out);
        return out.take();
    }
    case 12:
        if (scram.verify(event.body).state != wire::scram_state::done) throw std::runtime_error("impostor");
        return {};
    default:
        throw std::runtime_error("the server wants another method");
    }
}

}  // namespace

verified_server log_in_to(const login_facts& where)
{
    blocking_socket socket(where);
    wire::message_writer out;
    const std::array pairs{
        wire::startup_pair{"user", where.user},
        wire::startup_pair{"database", where.database},
        wire::startup_pair{"application_name", "leasehold:test"},
    };
    out.startup(wire::protocol_3_0, pairs);
    socket.send(out.view());

    verified_server made;
    auto parameters = std::make_shared<parameter_set>();
    wire::server_stream stream;
    wire::scram_client scram("");
    std::string bytes;
    while (true) {
        const auto event = stream.next(bytes);
        if (event.what == wire::server_event::kind::violation) throw std::runtime_error("protocol");
        if (event.what == wire::server_event::kind::need_more) {
            const auto more = socket.receive();
            if (more.empty()) throw std::runtime_error("the server closed the login");
            bytes += more;
            continue;
        }
        switch (event.message) {
        case wire::server_message::authentication:
            if (const auto answer = authenticate(scram, event, where.password); !answer.empty())
                socket.send(answer);
            break;
        case wire::server_message::parameter_status:
            parameters->emplace_back(event.name, event.text);
            break;
        case wire::server_message::backend_key:
            made.pid = {event.pid};
            made.key = wire::server_key::parse(event.body);
            break;
        case wire::server_message::error_response:
            throw std::runtime_error(std::string(wire::error_fields(event.body).message()));
        default:
            break;
        }
        const bool is_ready = event.message == wire::server_message::ready_for_query;
        bytes.erase(0, event.size);
        if (is_ready) break;
    }
    auto address = std::make_shared<server_address>();
    address->peer_size = sizeof address->peer;
    ::getpeername(socket.descriptor(), reinterpret_cast<sockaddr*>(&address->peer), &address->peer_size);
    made.address = std::move(address);
    made.parameters = std::move(parameters);
    made.socket = socket.take();
    return made;
}

void cancel_at(const login_facts& where, wire::server_pid pid, const wire::server_key& key)
{
    blocking_socket socket(where);
    wire::message_writer out;
    wire::write_cancel(out, pid, key);
    socket.send(out.view());
    while (!socket.receive().empty()) {
    }
}

}  // namespace leasehold::router::relay::test
