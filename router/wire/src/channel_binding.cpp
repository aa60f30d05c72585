#include <leasehold/router/wire/scram.hpp>

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

namespace leasehold::router::wire {
namespace {

struct free_x509
{
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

}  // namespace

std::optional<std::string> tls_server_end_point(std::string_view certificate_der)
{
    const auto* const start = reinterpret_cast<const unsigned char*>(certificate_der.data());
    const auto* at = start;
    const std::unique_ptr<X509, free_x509> certificate(
        d2i_X509(nullptr, &at, static_cast<long>(certificate_der.size()))
    );
    int digest_id = NID_undef;
    if (!certificate || at != start + certificate_der.size() ||
        X509_get_signature_info(certificate.get(), &digest_id, nullptr, nullptr, nullptr) != 1)
        return std::nullopt;
    if (digest_id == NID_md5 || digest_id == NID_sha1) digest_id = NID_sha256;  // RFC 5929 §4.1
    const auto* const algorithm = digest_id == NID_undef ? nullptr : EVP_get_digestbynid(digest_id);
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned int size = 0;
    if (algorithm == nullptr ||
        EVP_Digest(start, certificate_der.size(), hash.data(), &size, algorithm, nullptr) != 1)
        return std::nullopt;
    return std::string(reinterpret_cast<const char*>(hash.data()), size);
}

}  // namespace leasehold::router::wire
