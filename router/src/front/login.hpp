#pragma once

#include "front/front_lane.hpp"
#include "front/login_refused.hpp"
#include "front/peer_socket.hpp"
#include "front/route.hpp"
#include "front/session_settings.hpp"
#include "relay/admitted.hpp"

#include <leasehold/router/wire/message_writer.hpp>
#include <leasehold/router/wire/startup.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace leasehold::router {

// What a verified credential gives: whose tenant, which class at most, until when.
struct proof
{
    tenant_id tenant;
    relay::principal who;
    role_class most = role_class::ro;
    relay::origin from = relay::origin::tenant;
    std::optional<wall_time> ends_at;
    std::string name;        // for the log: "key:<id>", or what the ticket says
    std::string last_words;  // SASL final message, owed before AuthenticationOk
};

// The life of one client connection up to its admission, in the order it happens. Everything is refused by
// throwing login_refused; false from a step: the connection is over and nothing more is said. Owner and
// thread: the coroutine of its front lane that made it.
class login
{
public:
    login(front_lane& on, int descriptor, const sockaddr_storage& peer, std::string listener);

    // Whole; under the login deadline of the caller.
    task<void> run();
    [[nodiscard]] login_room::place& place() noexcept { return place_; }
    void shut() noexcept { socket_.shut(); }

private:
    task<bool> say();                               // all steps
    task<bool> negotiate();                         // TLS, cancel, up to the StartupMessage
    task<bool> begin_tls(bool is_direct);           // with its answer
    void cancel(const wire::cancel_request& what);  // answers nothing
    void read_startup();
    void find_names();
    task<proof> authenticate();
    task<proof> prove_by_scram();
    task<proof> prove_by_key_text();
    task<proof> prove_by_ticket();
    void authorise(const proof& by);
    task<bool> admit(proof by);

    task<void> refuse(const login_refused& why);
    void note_refusal(const login_refused& why);
    void check_directory() const;
    void check_key(const key_record& key) const;
    const tenant_record& check_tenant(const proof& by, const directory& in) const;
    role_class choose_role(const proof& by) const;
    proof proof_of(const key_record& key) const;
    relay::session_slot reserve_slot(const proof& by) const;
    relay::admitted to_admitted(const proof& by, const tenant_record& tenant, relay::session_slot slot);

    task<void> send();                                   // writer_
    task<std::string> read_password(std::size_t limit);  // body of one 'p' message
    [[nodiscard]] bool may_send_clear_text(bool is_ticket) const;

    front_lane& on_;
    front_world& world_;
    sockaddr_storage peer_;
    std::string listener_;
    std::string session_;     // this connection's id
    std::string request_id_;  // the same, but where a ticket brings its request's
    boot_time until_;
    login_room::place place_;
    peer_socket socket_;
    std::shared_ptr<const listener_tls> tls_;

    wire::startup_parser parser_;
    std::string first_bytes_;  // up to the StartupMessage: what startup_ looks into
    std::optional<wire::startup_message> startup_;
    std::string incoming_;  // what came after it
    wire::message_writer writer_;

    directory_ptr directory_;  // as it was when the names were looked up
    std::string sni_;
    session_settings settings_;
    route route_;
    std::string credential_;  // for the log
};

}  // namespace leasehold::router
