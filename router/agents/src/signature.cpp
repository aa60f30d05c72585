#include "signature.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>

#include <string>

namespace leasehold::router::agents {
namespace {

std::string digest_of(std::string_view bytes)
{
    return crypto::to_hex(crypto::view(crypto::sha256(bytes)));
}

void verify(std::string_view public_key, const std::string& text, std::optional<std::string_view> signature)
{
    const auto raw = crypto::from_base64(signature.value_or(std::string_view()));
    if (raw && raw->size() == 64 && public_key.size() == 32 && crypto::ed25519_verify(public_key, text, *raw))
        return;
    throw error(
        error_kind::unauthenticated,
        "signature_invalid",
        "Leasehold-Signature does not prove the key of this host"
    );
}

}  // namespace

void verify_enrollment(
    std::string_view public_key,
    std::string_view token,
    std::string_view body,
    std::optional<std::string_view> signature
)
{
    verify(public_key, "leasehold-enroll-1\n" + digest_of(token) + "\n" + digest_of(body), signature);
}

void verify_renewal(
    std::string_view public_key,
    const host_id& host,
    std::int64_t generation,
    std::string_view body,
    std::optional<std::string_view> signature
)
{
    const auto text =
        "leasehold-renew-1\n" + host.to_string() + "\n" + std::to_string(generation) + "\n" + digest_of(body);
    verify(public_key, text, signature);
}

}  // namespace leasehold::router::agents
