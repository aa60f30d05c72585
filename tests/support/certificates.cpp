#include "certificates.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace leasehold::test {
namespace {

struct file_closer
{
    void operator()(std::FILE* f) const noexcept { std::fclose(f); }
};
using file_handle = std::unique_ptr<std::FILE, file_closer>;

file_handle open_for_writing(const std::filesystem::path& to)
{
    file_handle file(std::fopen(to.c_str(), "w"));
    if (!file) throw std::runtime_error("cannot write " + to.string());
    return file;
}

void add_extension(X509* to, X509* issuer, int nid, const std::string& value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
    auto* made = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    if (made == nullptr) throw std::runtime_error("no such extension: " + value);
    X509_add_ext(to, made, -1);
    X509_EXTENSION_free(made);
}

X509* make(EVP_PKEY* key, const std::string& name, long from_seconds, long to_seconds)
{
    auto* cert = X509_new();
    X509_set_version(cert, 2);
    unsigned char serial[8];
    RAND_bytes(serial, sizeof serial);
    auto* number = BN_bin2bn(serial, sizeof serial, nullptr);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    X509_gmtime_adj(X509_getm_notBefore(cert), from_seconds);
    X509_gmtime_adj(X509_getm_notAfter(cert), to_seconds);
    X509_set_pubkey(cert, key);
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8, text, -1, -1, 0);
    return cert;
}

}  // namespace

struct certificate_authority::impl
{
    EVP_PKEY* key = nullptr;
    X509* cert = nullptr;
};

certificate_authority::certificate_authority(const std::string& name) : impl_(new impl)
{
    impl_->key = EVP_EC_gen("P-256");
    impl_->cert = make(impl_->key, name, -86400, 86400);
    X509_set_issuer_name(impl_->cert, X509_get_subject_name(impl_->cert));
    add_extension(impl_->cert, impl_->cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(impl_->cert, impl_->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    X509_sign(impl_->cert, impl_->key, EVP_sha256());
}

certificate_authority::~certificate_authority()
{
    X509_free(impl_->cert);
    EVP_PKEY_free(impl_->key);
    delete impl_;
}

void certificate_authority::write_ca(const std::filesystem::path& to) const
{
    PEM_write_X509(open_for_writing(to).get(), impl_->cert);
}

void certificate_authority::write_certificate(
    const std::filesystem::path& cert,
    const std::filesystem::path& key,
    const std::string& names,
    std::chrono::hours from_now
) const
{
    auto* own_key = EVP_EC_gen("P-256");
    auto* own = make(own_key, "leasehold test", -86400, std::chrono::seconds(from_now).count());
    X509_set_issuer_name(own, X509_get_subject_name(impl_->cert));
    add_extension(own, impl_->cert, NID_subject_alt_name, names);
    X509_sign(own, impl_->key, EVP_sha256());
    PEM_write_X509(open_for_writing(cert).get(), own);
    PEM_write_PrivateKey(open_for_writing(key).get(), own_key, nullptr, nullptr, 0, nullptr, nullptr);
    X509_free(own);
    EVP_PKEY_free(own_key);
}

}  // namespace leasehold::test
