#include "front/listener_tls.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/router/wire/scram.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

namespace leasehold::router {
namespace {

constexpr std::array<unsigned char, 11> postgresql_alpn{10, 'p', 'o', 's', 't', 'g', 'r', 'e', 's', 'q', 'l'};

// ALPN is optional after SSLRequest; a list that is offered must hold our protocol.
int choose_alpn(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned in_size, void*)
{
    unsigned char* found = nullptr;
    const auto result = SSL_select_next_proto(
        &found, size, postgresql_alpn.data(), static_cast<unsigned>(postgresql_alpn.size()), in, in_size
    );
    if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

[[noreturn]] void refuse(std::string_view what)
{
    std::array<char, 256> reason{};
    ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
    throw error(
        error_kind::invalid,
        "tls_files_unusable",
        "certificate and key of router.tls cannot be used",
        std::string(what) + ": " + reason.data()
    );
}

std::string binding_of(X509* certificate)
{
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    if (size <= 0) return {};
    const std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return wire::tls_server_end_point(bytes).value_or("");
}

}  // namespace

std::shared_ptr<const listener_tls> listener_tls::load(const tls_files& from)
{
    ERR_clear_error();
    auto made = std::shared_ptr<listener_tls>(new listener_tls());
    made->context_ = std::shared_ptr<SSL_CTX>(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    auto* context = made->context_.get();
    if (context == nullptr) refuse("no memory");
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE
    );
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(
        context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
    );
    SSL_CTX_set_read_ahead(context, 0);
    SSL_CTX_set_alpn_select_cb(context, choose_alpn, nullptr);
    if (SSL_CTX_use_certificate_chain_file(context, from.cert_file.c_str()) != 1) refuse("certificate");
    if (SSL_CTX_use_PrivateKey_file(context, from.key_file.c_str(), SSL_FILETYPE_PEM) != 1) refuse("key");
    if (SSL_CTX_check_private_key(context) != 1) refuse("pair");
    made->channel_binding_ = binding_of(SSL_CTX_get0_certificate(context));
    return made;
}

std::string sni_of(SSL* session)
{
    const char* name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? std::string() : std::string(name);
}

std::string alpn_of(SSL* session)
{
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(session, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

std::string tls_version_of(SSL* session)
{
    return session == nullptr ? "" : SSL_get_version(session);
}

std::string peer_channel_binding(SSL* session)
{
    X509* certificate = SSL_get1_peer_certificate(session);
    if (certificate == nullptr) return {};
    auto binding = binding_of(certificate);
    X509_free(certificate);
    return binding;
}

}  // namespace leasehold::router
