#pragma once

#include "byte_stream.hpp"

#include <leasehold/base/config.hpp>

#include <boost/asio/basic_socket_acceptor.hpp>

namespace leasehold::http {

using stream_acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

// Binds and listens. `at` becomes the address that was bound. Errors: conflict "address_in_use", unavailable
// "listen_failed".
stream_acceptor listen_on(asio::io_context& where, address& at);

// The peer's address without its port; "unix" on a Unix socket.
std::string peer_of(const stream_socket& socket);

// Errors: invalid "tls_files_unusable".
std::shared_ptr<asio::ssl::context> make_server_context(const tls_files& files);

}  // namespace leasehold::http
