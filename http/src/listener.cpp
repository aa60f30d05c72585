#include "listener.hpp"

#include <leasehold/http/tls.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <openssl/ssl.h>

#include <cstring>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace leasehold::http {
namespace {

namespace ssl = asio::ssl;
using asio::generic::stream_protocol;
using asio::ip::tcp;

[[noreturn]] void refuse(const address& at, const error_code& failed)
{
    if (failed == asio::error::address_in_use) {
        throw error(error_kind::conflict, "address_in_use", "another process listens on " + at.to_string());
    }
    throw error(
        error_kind::unavailable,
        "listen_failed",
        "cannot listen on " + at.to_string() + ": " + failed.message()
    );
}

// What a killed process left behind is removed; a socket that somebody still serves is not.
void remove_dead_socket(asio::io_context& where, const std::string& file)
{
    struct stat facts
    {};
    if (::lstat(file.c_str(), &facts) != 0 || !S_ISSOCK(facts.st_mode)) return;
    asio::local::stream_protocol::socket probe(where);
    error_code failed;
    probe.connect(asio::local::stream_protocol::endpoint(file), failed);
    if (failed == asio::error::connection_refused) ::unlink(file.c_str());
}

stream_protocol::endpoint endpoint_of(asio::io_context& where, const address& at)
{
    if (at.is_unix()) return asio::local::stream_protocol::endpoint(at.unix_path);
    error_code failed;
    tcp::resolver resolver(where);
    const auto found = resolver.resolve(
        at.host, std::to_string(at.port), tcp::resolver::passive | tcp::resolver::numeric_service, failed
    );
    if (failed || found.empty()) refuse(at, failed);
    return found.begin()->endpoint();
}

}  // namespace

stream_acceptor listen_on(asio::io_context& where, address& at)
{
    if (at.is_unix()) remove_dead_socket(where, at.unix_path);
    const auto endpoint = endpoint_of(where, at);
    stream_acceptor made(where);
    error_code failed;
    made.open(endpoint.protocol(), failed);
    if (!failed && !at.is_unix()) made.set_option(asio::socket_base::reuse_address(true), failed);
    if (!failed) made.bind(endpoint, failed);
    if (!failed) made.listen(asio::socket_base::max_listen_connections, failed);
    if (failed) refuse(at, failed);
    if (at.is_unix()) {
        ::chmod(at.unix_path.c_str(), S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP);
    } else {
        const auto local = made.local_endpoint();
        tcp::endpoint bound;
        std::memcpy(bound.data(), local.data(), local.size());
        at.port = bound.port();
    }
    return made;
}

std::string peer_of(const stream_socket& socket)
{
    error_code failed;
    const auto remote = socket.remote_endpoint(failed);
    if (failed) return {};
    const auto family = remote.protocol().family();
    if (family != AF_INET && family != AF_INET6) return "unix";
    tcp::endpoint peer;
    std::memcpy(peer.data(), remote.data(), remote.size());
    return peer.address().to_string();
}

std::shared_ptr<ssl::context> make_server_context(const tls_files& files)
{
    const auto refuse_files = [&](const path& file, const std::string& why) {
        throw error(error_kind::invalid, "tls_files_unusable", "cannot use " + file.string() + ": " + why);
    };
    auto made = std::make_shared<ssl::context>(ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_options(made->native_handle(), SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_RENEGOTIATION);
    error_code failed;
    made->use_certificate_chain_file(files.cert_file.string(), failed);
    if (failed) refuse_files(files.cert_file, failed.message());
    made->use_private_key_file(files.key_file.string(), ssl::context::pem, failed);
    if (failed) refuse_files(files.key_file, failed.message());
    if (SSL_CTX_check_private_key(made->native_handle()) != 1) {
        refuse_files(files.key_file, "the key is not the certificate's");
    }
    return made;
}

void check_tls(const tls_files& files)
{
    if (files.is_set()) static_cast<void>(make_server_context(files));
}

}  // namespace leasehold::http
