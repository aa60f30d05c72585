#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sodium.h>

namespace leasehold::crypto {
namespace {

constexpr std::size_t scram_salt_size = 16;

const unsigned char* bytes_of(std::string_view text) noexcept
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

void must(bool done, const char* what)
{
    if (!done) throw error(error_kind::internal, "crypto_failed", "a cryptographic function failed", what);
}

}  // namespace

digest sha256(std::string_view bytes)
{
    digest out{};
    SHA256(bytes_of(bytes), bytes.size(), out.data());
    return out;
}

digest hmac_sha256(std::string_view key, std::string_view bytes)
{
    digest out{};
    unsigned size = 0;
    const auto* done = HMAC(
        EVP_sha256(),
        key.data(),
        static_cast<int>(key.size()),
        bytes_of(bytes),
        bytes.size(),
        out.data(),
        &size
    );
    must(done != nullptr && size == out.size(), "HMAC");
    return out;
}

std::string_view view(const digest& value) noexcept
{
    return {reinterpret_cast<const char*>(value.data()), value.size()};
}

// One block of output is all that is ever wanted: extract, then expand once.
secret<std::string> hkdf_sha256(std::string_view key, std::string_view label)
{
    const digest no_salt{};
    auto extracted = hmac_sha256(view(no_salt), key);
    std::string info(label);
    info += '\x01';
    auto expanded = hmac_sha256(view(extracted), info);
    secret<std::string> out(view(expanded));
    sodium_memzero(extracted.data(), extracted.size());
    sodium_memzero(expanded.data(), expanded.size());
    return out;
}

digest pbkdf2_sha256(std::string_view password, std::string_view salt, int iterations)
{
    digest out{};
    const int done = PKCS5_PBKDF2_HMAC(
        password.data(),
        static_cast<int>(password.size()),
        bytes_of(salt),
        static_cast<int>(salt.size()),
        iterations,
        EVP_sha256(),
        static_cast<int>(out.size()),
        out.data()
    );
    must(done == 1, "PBKDF2");
    return out;
}

std::string random_bytes(std::size_t count)
{
    std::string out(count, '\0');
    randombytes_buf(out.data(), out.size());
    return out;
}

std::string make_scram_verifier(std::string_view password, int iterations)
{
    const auto salt = random_bytes(scram_salt_size);
    auto salted = pbkdf2_sha256(password, salt, iterations);
    auto client_key = hmac_sha256(view(salted), "Client Key");
    const auto stored_key = sha256(view(client_key));
    const auto server_key = hmac_sha256(view(salted), "Server Key");
    sodium_memzero(salted.data(), salted.size());
    sodium_memzero(client_key.data(), client_key.size());
    return fmt::format(
        "SCRAM-SHA-256${}:{}${}:{}",
        iterations,
        to_base64(salt),
        to_base64(view(stored_key)),
        to_base64(view(server_key))
    );
}

}  // namespace leasehold::crypto
