#include "server/server_tls.hpp"

#include <leasehold/base/error.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace leasehold::router {
namespace {

int trust(SSL_CTX* context, const std::string& pem)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> text(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free
    );
    int count = 0;
    for (;; ++count) {
        X509* one = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr);
        if (one == nullptr) break;
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one);
        X509_free(one);
    }
    ERR_clear_error();
    return count;
}

}  // namespace

tls_need tls_need_of(std::string_view sslmode) noexcept
{
    if (sslmode == "disable") return tls_need::none;
    if (sslmode == "allow" || sslmode == "prefer") return tls_need::optional;
    return tls_need::required;
}

SSL_CTX& server_tls::context_of(const server_record& server)
{
    auto& known = contexts_[server.id];
    if (known.context && known.sslmode == server.sslmode && known.ca == server.ca) return *known.context;
    const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(
        context.get(),
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
    );
    const bool verifies = server.sslmode == "verify-full" || server.sslmode == "verify-ca";
    SSL_CTX_set_verify(context.get(), verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (verifies && server.ca.empty()) {
        SSL_CTX_set_default_verify_paths(context.get());
    } else if (verifies && trust(context.get(), server.ca) == 0) {
        throw error(
            error_kind::unavailable,
            "server_unavailable",
            "the server cannot be reached",
            "no CA of " + server.name
        );
    }
    known = {server.sslmode, server.ca, context};
    return *known.context;
}

}  // namespace leasehold::router
