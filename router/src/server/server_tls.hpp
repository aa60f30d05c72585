#pragma once

#include <leasehold/router/directory.hpp>

#include <map>
#include <memory>

using SSL_CTX = struct ssl_ctx_st;

namespace leasehold::router {

// How a server of the directory is reached as to TLS.
enum class tls_need : std::uint8_t
{
    none,      // disable
    optional,  // allow, prefer
    required   // require, verify-ca, verify-full
};
tls_need tls_need_of(std::string_view sslmode) noexcept;

// TLS contexts of servers, by what their rows say (CA, sslmode). Owner and thread: one lane.
class server_tls
{
public:
    // Errors: unavailable "server_unavailable" when the row's CA is no certificate.
    SSL_CTX& context_of(const server_record& server);
    // sslmode verify-full: the certificate must show the name.
    static bool checks_name(const server_record& server) noexcept { return server.sslmode == "verify-full"; }

private:
    struct made
    {
        std::string sslmode;
        std::string ca;
        std::shared_ptr<SSL_CTX> context;
    };
    std::map<server_id, made> contexts_;
};

}  // namespace leasehold::router
