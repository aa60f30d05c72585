#include <leasehold/base/crypto.hpp>
#include <leasehold/vault-client/names.hpp>

#include <algorithm>

namespace leasehold::vault_client {
namespace {

constexpr std::size_t longest_lease_id = 512;
constexpr std::size_t longest_kv_segment = 64;
constexpr std::size_t most_kv_segments = 8;

bool is_lease_id(std::string_view text) noexcept
{
    return !text.empty() && text.size() <= longest_lease_id &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

bool detail::is_segment(std::string_view text, std::size_t longest) noexcept
{
    return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

void detail::refuse_name(std::string_view what)
{
    throw leasehold::error(
        error_kind::invalid, "broker_name_invalid", "a " + std::string(what) + " is made of a-z, 0-9, _ and -"
    );
}

broker_role role_of(role_class what, const tid& tenant, int placement_generation)
{
    return broker_role(
        std::string(to_text(what)) + "_" + tenant.text() + "_" + std::to_string(placement_generation)
    );
}

broker_role support_role_of(const tid& tenant, int placement_generation, std::string_view grant8)
{
    return broker_role(
        "support_" + tenant.text() + "_" + std::to_string(placement_generation) + "_" + std::string(grant8)
    );
}

std::string username_prefix(const broker_role& role)
{
    return "lease_" + role.text() + "_";
}

kv_path::kv_path(std::string_view text) : text_(text)
{
    std::size_t segments = 0;
    for (std::size_t from = 0; from <= text.size(); ++segments) {
        const auto slash = std::min(text.find('/', from), text.size());
        if (!detail::is_segment(text.substr(from, slash - from), longest_kv_segment))
            detail::refuse_name("kv path");
        from = slash + 1;
    }
    if (segments > most_kv_segments) detail::refuse_name("kv path");
}

lease_id::lease_id(std::string_view text) : text_(text)
{
    if (!is_lease_id(text))
        throw leasehold::error(error_kind::invalid, "broker_name_invalid", "this is no lease id");
}

std::optional<lease_id> lease_id::parse(std::string_view text)
{
    if (!is_lease_id(text)) return std::nullopt;
    return lease_id(text);
}

std::string lease_id::fingerprint() const
{
    const auto digest = crypto::sha256(text_);
    return crypto::to_hex(crypto::view(digest).substr(0, 4));
}

}  // namespace leasehold::vault_client
