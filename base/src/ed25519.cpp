#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include <memory>

namespace leasehold::crypto {
namespace {

constexpr std::size_t key_size = 32;
constexpr std::size_t signature_size = 64;

template <auto Free>
struct freeing
{
    template <class T>
    void operator()(T* what) const noexcept
    {
        Free(what);
    }
};
using key_handle = std::unique_ptr<EVP_PKEY, freeing<EVP_PKEY_free>>;
using digest_handle = std::unique_ptr<EVP_MD_CTX, freeing<EVP_MD_CTX_free>>;
using bio_handle = std::unique_ptr<BIO, freeing<BIO_free>>;

const unsigned char* bytes_of(std::string_view text) noexcept
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

[[noreturn]] void refuse_key(const char* why)
{
    ERR_clear_error();
    throw error(error_kind::invalid, "key_malformed", "this is not an Ed25519 private key", why);
}

key_handle private_key(std::string_view seed)
{
    if (seed.size() != key_size) refuse_key("the seed has not 32 bytes");
    key_handle key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()));
    if (!key) refuse_key("EVP_PKEY_new_raw_private_key");
    return key;
}

std::string public_part(const EVP_PKEY* key)
{
    std::string out(key_size, '\0');
    std::size_t size = out.size();
    if (EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(out.data()), &size) != 1) {
        refuse_key("no public key");
    }
    return out;
}

}  // namespace

ed25519_pair make_ed25519_pair()
{
    auto seed = random_bytes(key_size);
    auto pair = ed25519_from_seed(seed);
    wipe(seed);
    return pair;
}

ed25519_pair ed25519_from_seed(std::string_view seed)
{
    const auto key = private_key(seed);
    return {secret<std::string>(seed), public_part(key.get())};
}

ed25519_pair ed25519_from_pem(std::string_view pem)
{
    const bio_handle source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    // A callback that gives no password: an encrypted file is refused instead of asking on the terminal.
    const auto no_password = [](char*, int, int, void*) { return -1; };
    const key_handle key(PEM_read_bio_PrivateKey(source.get(), nullptr, no_password, nullptr));
    if (!key) refuse_key("no unencrypted private key in PEM");
    if (EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519) refuse_key("a key of another kind");
    std::array<unsigned char, key_size> seed{};
    std::size_t size = seed.size();
    if (EVP_PKEY_get_raw_private_key(key.get(), seed.data(), &size) != 1) refuse_key("no seed");
    auto pair = ed25519_from_seed({reinterpret_cast<const char*>(seed.data()), size});
    sodium_memzero(seed.data(), seed.size());
    return pair;
}

std::string ed25519_sign(std::string_view seed, std::string_view message)
{
    const auto key = private_key(seed);
    const digest_handle context(EVP_MD_CTX_new());
    std::string signature(signature_size, '\0');
    std::size_t size = signature.size();
    auto* out = reinterpret_cast<unsigned char*>(signature.data());
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
        EVP_DigestSign(context.get(), out, &size, bytes_of(message), message.size()) != 1) {
        ERR_clear_error();
        throw error(error_kind::internal, "crypto_failed", "a cryptographic function failed", "Ed25519 sign");
    }
    return signature;
}

bool ed25519_verify(std::string_view public_key, std::string_view message, std::string_view signature)
{
    if (public_key.size() != key_size || signature.size() != signature_size) return false;
    const key_handle key(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key), public_key.size())
    );
    const digest_handle context(EVP_MD_CTX_new());
    const bool good =
        key && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
        EVP_DigestVerify(
            context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()
        ) == 1;
    ERR_clear_error();  // a refused signature leaves a row in this thread's queue that TLS would trip over
    return good;
}

}  // namespace leasehold::crypto
