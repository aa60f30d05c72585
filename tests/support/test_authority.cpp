#include "test_authority.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>
#include <utility>

namespace leasehold::test {
namespace {

template <auto Free>
struct freed_by
{
    template <class T>
    void operator()(T* what) const
    {
        Free(what);
    }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<&EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<&X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<&X509_EXTENSION_free>>;
using file_ptr = std::unique_ptr<std::FILE, freed_by<&std::fclose>>;

void require(bool holds, const char* what)
{
    if (!holds) throw std::runtime_error(std::string("test_authority: ") + what);
}

key_ptr make_key()
{
    key_ptr made(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    require(made != nullptr, "no key");
    return made;
}

void add(X509& to, X509& issuer, int which, const std::string& value)
{
    X509V3_CTX context{};
    X509V3_set_ctx(&context, &issuer, &to, nullptr, nullptr, 0);
    const extension_ptr made(X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()));
    require(made != nullptr, "no extension");
    require(X509_add_ext(&to, made.get(), -1) == 1, "extension not added");
}

certificate_ptr begin(const std::string& name, EVP_PKEY& key, long serial, long lifetime)
{
    certificate_ptr made(X509_new());
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), lifetime);
    X509_set_pubkey(made.get(), &key);
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8, text, -1, -1, 0);
    return made;
}

file_ptr open(const std::filesystem::path& path)
{
    file_ptr made(std::fopen(path.c_str(), "w"));
    require(made != nullptr, "cannot write");
    std::filesystem::permissions(
        path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write
    );
    return made;
}

}  // namespace

struct test_authority::impl
{
    std::filesystem::path folder;
    key_ptr key;
    certificate_ptr certificate;
    long serial = 1;
};

test_authority::test_authority(std::filesystem::path folder, const std::string& name)
    : impl_(std::make_unique<impl>())
{
    impl_->folder = std::move(folder);
    impl_->key = make_key();
    impl_->certificate = begin(name, *impl_->key, impl_->serial++, 86400);
    X509& own = *impl_->certificate;
    X509_set_issuer_name(&own, X509_get_subject_name(&own));
    add(own, own, NID_basic_constraints, "critical,CA:TRUE");
    add(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
    add(own, own, NID_subject_key_identifier, "hash");
    require(X509_sign(&own, impl_->key.get(), EVP_sha256()) > 0, "not signed");
    std::filesystem::create_directories(impl_->folder);
    require(PEM_write_X509(open(ca_file()).get(), &own) == 1, "CA not written");
}

test_authority::~test_authority() = default;

std::string test_authority::ca_file() const
{
    return (impl_->folder / "ca.pem").string();
}

tls_files
test_authority::issue(const std::string& file, const std::string& names, long lifetime_seconds) const
{
    const auto key = make_key();
    const auto made = begin(file, *key, impl_->serial++, lifetime_seconds);
    X509_set_issuer_name(made.get(), X509_get_subject_name(impl_->certificate.get()));
    add(*made, *impl_->certificate, NID_basic_constraints, "critical,CA:FALSE");
    add(*made, *impl_->certificate, NID_subject_alt_name, names);
    add(*made, *impl_->certificate, NID_ext_key_usage, "serverAuth");
    require(X509_sign(made.get(), impl_->key.get(), EVP_sha256()) > 0, "not signed");

    tls_files files;
    files.cert_file = impl_->folder / (file + ".pem");
    files.key_file = impl_->folder / (file + ".key");
    require(PEM_write_X509(open(files.cert_file).get(), made.get()) == 1, "certificate not written");
    const auto out = open(files.key_file);
    require(
        PEM_write_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
        "key not written"
    );
    return files;
}

}  // namespace leasehold::test
