#pragma once

#include "byte_stream.hpp"

#include <leasehold/http/client.hpp>

#include <memory>

namespace leasehold::http {

// What a client trusts: TLS 1.2 or later, the CA file's certificates or the system's. Throws exchange_error
// tls.
std::shared_ptr<asio::ssl::context> make_client_context(const std::string& ca_file);

// Resolves, connects and, with a context, shakes hands. Throws exchange_error unreachable or tls; no byte of
// a request was sent.
task<std::unique_ptr<byte_stream>>
connect_to(const origin& where, std::shared_ptr<asio::ssl::context> context, deadline limit);

}  // namespace leasehold::http
