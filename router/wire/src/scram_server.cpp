#include "scram_text.hpp"

#include <leasehold/router/wire/scram.hpp>

#include <utility>

namespace leasehold::router::wire {
namespace {

constexpr std::size_t salt_size = 16;  // PostgreSQL's own
constexpr std::string_view verifier_prefix = "SCRAM-SHA-256$";
constexpr std::string_view binding_type = "tls-server-end-point";

std::string_view take_until(std::string_view& rest, char mark) noexcept
{
    const auto end = rest.find(mark);
    const auto part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

}  // namespace

std::optional<scram_verifier> parse_scram_verifier(std::string_view text)
{
    if (!text.starts_with(verifier_prefix)) return std::nullopt;
    auto rest = text.substr(verifier_prefix.size());
    const auto iterations = parse_iterations(take_until(rest, ':'));
    auto salt = crypto::from_base64(take_until(rest, '$'));
    const auto stored = digest_from_base64(take_until(rest, ':'));
    const auto server = digest_from_base64(rest);
    if (!iterations || !salt || salt->empty() || !stored || !server) return std::nullopt;
    scram_verifier verifier;
    verifier.iterations = *iterations;
    verifier.salt = std::move(*salt);
    verifier.stored_key = *stored;
    verifier.server_key = *server;
    return verifier;
}

scram_verifier make_mock_verifier(std::string_view mock_key, std::string_view user)
{
    scram_verifier mock;
    mock.salt = crypto::view(crypto::hmac_sha256(mock_key, user)).substr(0, salt_size);
    mock.is_mock = true;
    return mock;
}

scram_server::scram_server(scram_verifier verifier, std::string channel_binding, std::string nonce)
    : verifier_(std::move(verifier))
    , channel_binding_(std::move(channel_binding))
    , nonce_(nonce.empty() ? make_nonce() : std::move(nonce))
{}

std::vector<std::string_view> scram_server::mechanisms(bool with_channel_binding)
{
    if (with_channel_binding) return {scram_sha_256_plus, scram_sha_256};
    return {scram_sha_256};
}

scram_step scram_server::fail(scram_failure why)
{
    phase_ = phase::ended;
    return {scram_state::failed, {}, why};
}

scram_step scram_server::begin(std::string_view mechanism, std::string_view client_first)
{
    if (phase_ != phase::first) return fail(scram_failure::malformed);
    const bool offers_binding = !channel_binding_.empty();
    uses_binding_ = mechanism == scram_sha_256_plus;
    if (uses_binding_ ? !offers_binding : mechanism != scram_sha_256) return fail(scram_failure::unsupported);

    auto rest = client_first;
    const auto flag = take_until(rest, ',');
    const auto authzid = take_until(rest, ',');
    gs2_header_ = client_first.substr(0, client_first.size() - rest.size());
    if (!gs2_header_.ends_with(',') || flag.empty()) return fail(scram_failure::malformed);
    if (!authzid.empty()) return fail(scram_failure::unsupported);
    if (flag.starts_with("p=")) {
        if (!uses_binding_) return fail(scram_failure::malformed);
        if (flag.substr(2) != binding_type) return fail(scram_failure::unsupported);
    } else {
        if (uses_binding_ || (flag != "n" && flag != "y")) return fail(scram_failure::malformed);
        if (flag == "y" && offers_binding) return fail(scram_failure::downgrade);
    }

    client_first_bare_ = rest;
    if (rest.starts_with("m=")) return fail(scram_failure::unsupported);
    // The name counts for nothing: it was said in the start-up message.
    const auto name = take_attribute(rest, 'n');
    const auto nonce = take_attribute(rest, 'r');
    if (!name || !nonce || !is_nonce(*nonce)) return fail(scram_failure::malformed);

    full_nonce_ = std::string(*nonce) + nonce_;
    server_first_ = "r=" + full_nonce_ + ",s=" + crypto::to_base64(verifier_.salt) +
                    ",i=" + std::to_string(verifier_.iterations);
    phase_ = phase::final;
    return {scram_state::send, server_first_, scram_failure::none};
}

scram_step scram_server::finish(std::string_view client_final)
{
    if (phase_ != phase::final) return fail(scram_failure::malformed);
    auto rest = client_final;
    const auto binding = take_attribute(rest, 'c');
    const auto nonce = take_attribute(rest, 'r');
    if (!binding || !nonce) return fail(scram_failure::malformed);
    while (rest.size() > 1 && rest[0] != 'p' && rest[1] == '=')
        (void)take_attribute(rest, rest[0]);  // extensions
    const auto without_proof = client_final.substr(0, client_final.size() - rest.size() - 1);
    const auto proof_text = take_attribute(rest, 'p');
    if (!proof_text || !rest.empty() || client_final.ends_with(',')) return fail(scram_failure::malformed);
    const auto proof = digest_from_base64(*proof_text);
    if (!proof || *nonce != full_nonce_) return fail(scram_failure::malformed);

    const auto told = crypto::from_base64(*binding);
    if (!told || !told->starts_with(gs2_header_)) return fail(scram_failure::malformed);
    if (told->substr(gs2_header_.size()) != (uses_binding_ ? channel_binding_ : std::string()))
        return fail(scram_failure::binding);

    const auto message = auth_message(client_first_bare_, server_first_, without_proof);
    const auto signature = crypto::hmac_sha256(crypto::view(verifier_.stored_key), message);
    const short_lived_key client_key(exclusive_or(*proof, signature));
    const auto stored = crypto::sha256(client_key.view());
    const auto answer = crypto::hmac_sha256(crypto::view(verifier_.server_key), message);
    const bool matches = equal_in_constant_time(crypto::view(stored), crypto::view(verifier_.stored_key));
    if (!matches || verifier_.is_mock) return fail(scram_failure::mismatch);
    phase_ = phase::ended;
    return {scram_state::done, "v=" + crypto::to_base64(crypto::view(answer)), scram_failure::none};
}

}  // namespace leasehold::router::wire
