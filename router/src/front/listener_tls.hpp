#pragma once

#include <leasehold/base/config.hpp>

#include <memory>
#include <string>

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace leasehold::router {

// What a listener shows its clients: certificate, key, and the hash that binds SCRAM to it. Immutable; a
// reload makes another. OpenSSL counts its users itself, so a session may outlive it.
class listener_tls
{
public:
    // Errors: invalid "tls_files_unusable".
    static std::shared_ptr<const listener_tls> load(const tls_files& from);

    [[nodiscard]] SSL_CTX& context() const noexcept { return *context_; }
    // tls-server-end-point (RFC 5929); empty for certificates that have none.
    [[nodiscard]] const std::string& channel_binding() const noexcept { return channel_binding_; }

private:
    listener_tls() = default;
    std::shared_ptr<SSL_CTX> context_;
    std::string channel_binding_;
};

// What the handshake has shown.
std::string sni_of(SSL* session);
std::string alpn_of(SSL* session);
std::string tls_version_of(SSL* session);
// tls-server-end-point of the peer's certificate; empty: it has none.
std::string peer_channel_binding(SSL* session);

}  // namespace leasehold::router
