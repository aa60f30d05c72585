#include "signature.hpp"

#include <leasehold/base/crypto.hpp>

namespace leasehold::agent {
namespace {

std::string digest_of(std::string_view bytes)
{
    return crypto::to_hex(crypto::view(crypto::sha256(bytes)));
}

}  // namespace

std::string sign_enrollment(const secret<std::string>& seed, std::string_view token, std::string_view body)
{
    const auto text = "leasehold-enroll-1\n" + digest_of(token) + "\n" + digest_of(body);
    return crypto::to_base64(crypto::ed25519_sign(seed.reveal(), text));
}

std::string sign_renewal(
    const secret<std::string>& seed, const host_id& host, std::int64_t generation, std::string_view body
)
{
    const auto text =
        "leasehold-renew-1\n" + host.to_string() + "\n" + std::to_string(generation) + "\n" + digest_of(body);
    return crypto::to_base64(crypto::ed25519_sign(seed.reveal(), text));
}

}  // namespace leasehold::agent
