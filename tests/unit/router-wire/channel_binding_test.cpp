#include <leasehold/router/wire/scram.hpp>

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace leasehold::router::wire {
namespace {

using key_pointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using certificate_pointer = std::unique_ptr<X509, decltype(&X509_free)>;

key_pointer p256()
{
    return {EVP_EC_gen("P-256"), &EVP_PKEY_free};
}

// A self-signed certificate in DER; a null digest for Ed25519.
std::string certificate(const key_pointer& key, const EVP_MD* digest)
{
    const certificate_pointer made(X509_new(), &X509_free);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_set_pubkey(made.get(), key.get());
    EXPECT_GT(X509_sign(made.get(), key.get(), digest), 0);
    unsigned char* der = nullptr;
    const int size = i2d_X509(made.get(), &der);
    std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return bytes;
}

std::string hash(const std::string& bytes, const EVP_MD* digest)
{
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_Digest(bytes.data(), bytes.size(), value, &size, digest, nullptr);
    return {reinterpret_cast<const char*>(value), size};
}

TEST(TlsServerEndPoint, UsesTheDigestOfTheCertificatesSignature)
{
    const auto key = p256();
    const auto with_256 = certificate(key, EVP_sha256());
    const auto with_384 = certificate(key, EVP_sha384());
    EXPECT_EQ(tls_server_end_point(with_256), hash(with_256, EVP_sha256()));
    EXPECT_EQ(tls_server_end_point(with_384), hash(with_384, EVP_sha384()));
}

TEST(TlsServerEndPoint, RaisesSha1ToSha256)
{
    const key_pointer key(EVP_RSA_gen(2048), &EVP_PKEY_free);
    const auto with_1 = certificate(key, EVP_sha1());
    EXPECT_EQ(tls_server_end_point(with_1), hash(with_1, EVP_sha256()));
}

TEST(TlsServerEndPoint, HasNoneForEd25519AndForJunk)
{
    const key_pointer key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free);
    EXPECT_EQ(tls_server_end_point(certificate(key, nullptr)), std::nullopt);
    EXPECT_EQ(tls_server_end_point(""), std::nullopt);
    EXPECT_EQ(tls_server_end_point("junk"), std::nullopt);
    const auto good = certificate(p256(), EVP_sha256());
    EXPECT_NE(tls_server_end_point(good), std::nullopt);
    EXPECT_EQ(tls_server_end_point(good + "x"), std::nullopt);
    EXPECT_EQ(tls_server_end_point(good.substr(0, good.size() - 1)), std::nullopt);
}

}  // namespace
}  // namespace leasehold::router::wire
