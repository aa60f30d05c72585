#include "scram_text.hpp"

#include <leasehold/router/wire/message_reader.hpp>
#include <leasehold/router/wire/scram.hpp>

#include <utility>

namespace leasehold::router::wire {

scram_client::scram_client(std::string channel_binding, std::string nonce)
    : channel_binding_(std::move(channel_binding))
    , nonce_(nonce.empty() ? make_nonce() : std::move(nonce))
{}

scram_step scram_client::fail(scram_failure why)
{
    phase_ = phase::ended;
    return {scram_state::failed, {}, why};
}

bool scram_client::choose(std::string_view mechanism_list)
{
    if (phase_ != phase::choose) return false;
    body_reader reader(mechanism_list);
    for (auto name = reader.text(); reader.ok() && !name.empty(); name = reader.text()) {
        if (name == scram_sha_256_plus && !channel_binding_.empty()) mechanism_ = scram_sha_256_plus;
        if (name == scram_sha_256 && mechanism_.empty()) mechanism_ = scram_sha_256;
    }
    uses_binding_ = mechanism_ == scram_sha_256_plus;
    phase_ = reader.ok() && !mechanism_.empty() ? phase::begin : phase::ended;
    return phase_ == phase::begin;
}

std::string scram_client::gs2_header() const
{
    if (uses_binding_) return "p=tls-server-end-point,,";
    // "y": we could have, the server did not offer it; a server that did will notice.
    return channel_binding_.empty() ? "n,," : "y,,";
}

scram_step scram_client::begin()
{
    if (phase_ != phase::begin) return fail(scram_failure::malformed);
    client_first_bare_ = "n=,r=" + nonce_;  // PostgreSQL takes the name from the start-up message
    phase_ = phase::challenge;
    return {scram_state::send, gs2_header() + client_first_bare_, scram_failure::none};
}

scram_step scram_client::read_challenge(std::string_view server_first)
{
    if (phase_ != phase::challenge) return fail(scram_failure::malformed);
    server_first_ = server_first;
    auto rest = server_first;
    if (rest.starts_with("m=")) return fail(scram_failure::unsupported);
    const auto nonce = take_attribute(rest, 'r');
    const auto salt = take_attribute(rest, 's');
    const auto count = take_attribute(rest, 'i');
    if (!nonce || !salt || !count || !rest.empty()) return fail(scram_failure::malformed);
    if (!is_nonce(*nonce) || nonce->size() <= nonce_.size() || !nonce->starts_with(nonce_))
        return fail(scram_failure::malformed);
    auto raw_salt = crypto::from_base64(*salt);
    if (!raw_salt || raw_salt->empty()) return fail(scram_failure::malformed);
    const auto iterations = parse_iterations(*count);
    if (!iterations) return fail(scram_failure::iterations);
    full_nonce_ = *nonce;
    salt_ = std::move(*raw_salt);
    iterations_ = *iterations;
    phase_ = phase::respond;
    return {scram_state::send, {}, scram_failure::none};
}

scram_step scram_client::respond(std::string_view salted_password)
{
    if (phase_ != phase::respond || salted_password.size() != crypto::digest{}.size())
        return fail(scram_failure::malformed);
    const auto binding = gs2_header() + (uses_binding_ ? channel_binding_ : std::string());
    const auto without_proof = "c=" + crypto::to_base64(binding) + ",r=" + full_nonce_;
    const auto message = auth_message(client_first_bare_, server_first_, without_proof);
    const short_lived_key client_key(crypto::hmac_sha256(salted_password, "Client Key"));
    const auto stored = crypto::sha256(client_key.view());
    const auto proof = exclusive_or(client_key.bytes(), crypto::hmac_sha256(crypto::view(stored), message));
    const short_lived_key server_key(crypto::hmac_sha256(salted_password, "Server Key"));
    server_signature_ = crypto::hmac_sha256(server_key.view(), message);
    phase_ = phase::verify;
    return {
        scram_state::send,
        without_proof + ",p=" + crypto::to_base64(crypto::view(proof)),
        scram_failure::none};
}

scram_step scram_client::verify(std::string_view server_final)
{
    if (phase_ != phase::verify) return fail(scram_failure::malformed);
    auto rest = server_final;
    if (take_attribute(rest, 'e')) return fail(scram_failure::mismatch);
    const auto text = take_attribute(rest, 'v');
    if (!text || !rest.empty()) return fail(scram_failure::malformed);
    const auto signature = digest_from_base64(*text);
    if (!signature) return fail(scram_failure::malformed);
    if (!equal_in_constant_time(crypto::view(*signature), crypto::view(server_signature_)))
        return fail(scram_failure::impostor);
    phase_ = phase::ended;
    return {scram_state::done, {}, scram_failure::none};
}

}  // namespace leasehold::router::wire
