#include "front/login.hpp"

#include <leasehold/router/ticket.hpp>
#include <leasehold/router/wire/message.hpp>
#include <leasehold/router/wire/message_reader.hpp>
#include <leasehold/router/wire/scram.hpp>

#include <cstring>
#include <netinet/in.h>
#include <utility>

namespace leasehold::router {
namespace {

bool is_loopback(const sockaddr_storage& peer) noexcept
{
    if (peer.ss_family == AF_UNIX) return true;
    static const auto v4 = network::parse("127.0.0.0/8");
    static const auto v6 = network::parse("::1");
    network from;
    from.bytes = group_of(peer);
    if (peer.ss_family == AF_INET6) {
        sockaddr_in6 whole{};
        std::memcpy(&whole, &peer, sizeof whole);
        std::memcpy(from.bytes.data(), &whole.sin6_addr, from.bytes.size());
    }
    return v4->contains(from) || v6->contains(from);
}

std::string_view to_password(std::string_view body) noexcept
{
    if (body.ends_with('\0')) body.remove_suffix(1);
    return body;
}

}  // namespace

task<proof> login::authenticate()
{
    switch (route_.user.kind) {
    case user_name::form::key:
        co_return co_await prove_by_key_text();
    case user_name::form::ticket:
        co_return co_await prove_by_ticket();
    case user_name::form::key_id:
    case user_name::form::unknown:
        break;
    }
    co_return co_await prove_by_scram();
}

task<proof> login::prove_by_scram()
{
    const auto* key = route_.user.key ? directory_->find_key(*route_.user.key) : nullptr;
    std::optional<wire::scram_verifier> verifier;
    if (key != nullptr && directory_->find_tenant(key->tenant) != nullptr) {
        verifier = wire::parse_scram_verifier(key->scram_verifier);
    }
    const bool is_known = verifier.has_value();
    if (!is_known) verifier = wire::make_mock_verifier(on_.settings().mock_key.reveal(), startup_->user());
    if (key != nullptr) credential_ = "key:" + key->id.to_string();

    const auto binding = socket_.tls() != nullptr ? tls_->channel_binding() : std::string();
    wire::scram_server exchange(std::move(*verifier), binding);
    const auto mechanisms = wire::scram_server::mechanisms(!binding.empty());
    writer_.authentication_sasl(std::span<const std::string_view>(mechanisms));
    co_await send();

    const auto first = co_await read_password(wire::sasl_length_max);
    wire::body_reader reader(first);
    const auto mechanism = reader.text();
    const auto size = reader.int32();
    const auto data = reader.bytes(size > 0 ? static_cast<std::size_t>(size) : 0);
    if (!reader.at_end()) throw login_refused("protocol_violation", "malformed SASLInitialResponse");
    auto step = exchange.begin(mechanism, data);
    if (step.state == wire::scram_state::failed) throw login_refused(wire::code_of(step.why), "SASL");
    writer_.authentication_sasl_continue(step.out);
    co_await send();

    const auto last = co_await read_password(wire::sasl_length_max);
    step = exchange.finish(last);
    if (step.state != wire::scram_state::done) {
        if (!is_known && world_.feed.is_stale(boot_clock::now())) throw login_refused("directory_stale");
        throw login_refused(wire::code_of(step.why), is_known ? "wrong secret" : "unknown principal");
    }
    check_key(*key);
    auto by = proof_of(*key);
    by.last_words = step.out;
    co_return by;
}

bool login::may_send_clear_text(bool is_ticket) const
{
    if (socket_.tls() != nullptr) return true;
    // A ticket lives a minute at most: where the listener has no TLS, it may come from this machine.
    return is_ticket && !tls_ && is_loopback(peer_);
}

task<proof> login::prove_by_key_text()
{
    if (!may_send_clear_text(false)) throw login_refused("tls_required", "a key as clear text");
    writer_.authentication_cleartext_password();
    co_await send();
    auto body = co_await read_password(wire::password_length_max);
    const auto presented = credential::parse(to_password(body));
    wipe(body);
    const key_record* key = nullptr;
    if (presented && presented->type == credential_type::api)
        key = directory_->find_key(key_id(presented->id));
    const bool is_right =
        presented && on_.settings().keys->matches(
                         key == nullptr ? std::string_view() : std::string_view(key->secret_hmac),
                         presented->secret_part.reveal()
                     );
    const bool is_usable =
        key != nullptr && !key->scram_verifier.empty() && directory_->find_tenant(key->tenant);
    if (!is_right || !is_usable) {
        if (key == nullptr && world_.feed.is_stale(boot_clock::now())) throw login_refused("directory_stale");
        throw login_refused("auth_failed", key == nullptr ? "unknown principal" : "wrong secret");
    }
    credential_ = "key:" + key->id.to_string();
    check_key(*key);
    co_return proof_of(*key);
}

task<proof> login::prove_by_ticket()
{
    if (!may_send_clear_text(true)) throw login_refused("tls_required", "a ticket as clear text");
    writer_.authentication_cleartext_password();
    co_await send();
    auto body = co_await read_password(wire::password_length_max);
    const auto opened = open_ticket(to_password(body), *on_.settings().keys, world_.clock.wall());
    wipe(body);
    if (!opened) throw login_refused("auth_failed", "no ticket of ours");
    credential_ = "ticket:" + opened->principal;
    request_id_ = opened->request_id.empty() ? request_id_ : opened->request_id;
    proof by;
    by.tenant = opened->tenant;
    by.who.kind = relay::principal::kind_of::ticket;
    by.most = opened->role;
    by.from = relay::origin::platform;
    by.ends_at = opened->ends_at;
    by.name = credential_;
    co_return by;
}

void login::check_key(const key_record& key) const
{
    const auto now = world_.clock.wall();
    if (key.revoked_at) throw login_refused("key_revoked");
    if (key.expires_at && *key.expires_at <= now) throw login_refused("key_expired");
}

proof login::proof_of(const key_record& key) const
{
    proof by;
    by.tenant = key.tenant;
    by.who = {relay::principal::kind_of::key, key.id.value()};
    by.most = key.role == key_role::read ? role_class::ro : role_class::rw;
    by.ends_at = key.expires_at;
    by.name = credential_;
    return by;
}

}  // namespace leasehold::router
