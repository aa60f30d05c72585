#include "front/login.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/router/wire/error_response.hpp>
#include <leasehold/router/wire/message.hpp>

#include <algorithm>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;

// So large that it comes in one read; later bytes wait for the relay lane.
constexpr std::size_t read_size = 4096;

}  // namespace

login::login(front_lane& on, int descriptor, const sockaddr_storage& peer, std::string listener)
    : on_(on)
    , world_(on.world())
    , peer_(peer)
    , listener_(std::move(listener))
    , session_(uuid::time_ordered().to_string())
    , request_id_(session_)
    , until_(boot_clock::now() + on.values().router.clients.login_timeout)
    , socket_(on.context(), descriptor)
    , tls_(on.settings().tls)
{}

task<void> login::run()
{
    std::optional<login_refused> refused;
    try {
        co_await say();
    } catch (const login_refused& why) {
        refused = why;
    }
    if (refused) co_await refuse(*refused);
}

task<bool> login::say()
{
    const bool is_client = co_await negotiate();
    if (!is_client) co_return false;
    read_startup();
    find_names();
    auto by = co_await authenticate();
    authorise(by);
    const bool is_in = co_await admit(std::move(by));
    co_return is_in;
}

task<void> login::send()
{
    const bool is_sent = co_await socket_.write_all(writer_.view());
    writer_.clear();
    if (!is_sent) throw login_refused("", "the client is gone");
}

task<std::string> login::read_password(std::size_t limit)
{
    for (;;) {
        const auto frame = wire::scan_message(incoming_, static_cast<std::uint32_t>(limit));
        if (frame.found != wire::message_frame::state::need_more && frame.type != 'p') {
            throw login_refused("protocol_violation", "a password message was expected");
        }
        if (frame.is_refused()) throw login_refused("protocol_violation", frame.why.reason);
        if (frame.is_complete()) {
            std::string body(frame.body);
            const auto size = frame.size();
            wipe(incoming_.erase(0, size));
            co_return body;
        }
        const bool is_more = co_await socket_.read_more(incoming_, read_size);
        if (!is_more) throw login_refused("", "the client is gone");
    }
}

task<void> login::refuse(const login_refused& why)
{
    if (why.code.empty()) co_return;  // nobody listens
    note_refusal(why);
    world_.into
        .make_counter(
            "leasehold_router_refused_total", "Connections that were refused, by code.", {{"code", why.code}}
        )
        .add();
    writer_.clear();
    wire::router_error told{why.code};
    told.message = why.message;
    told.hint = why.hint;
    told.request_id = request_id_;
    told.router_id = world_.router_name;
    if (why.code == "auth_failed") {
        const auto* candidate = route_.candidate();
        const std::string tenant = candidate == nullptr ? std::string() : candidate->tid;
        if (on_.failures().note(tenant, group_of(peer_), boot_clock::now())) {
            if (on_.failures().begin_wait()) {
                co_await sleep_for(2s);
                on_.failures().end_wait();
            } else {
                told = {"login_throttled"};
                told.request_id = request_id_;
                told.router_id = world_.router_name;
            }
        }
    }
    wire::write_error(writer_, told);
    co_await socket_.write_all(writer_.view());
}

void login::note_refusal(const login_refused& why)
{
    refusal_line line;
    const auto* row = wire::find_error_row(why.code);
    const auto kind = row == nullptr ? error_kind::internal : row->kind;
    const bool is_grave = why.code == "route_key_conflict" || why.code == "database_unknown" ||
                          why.code == "placement_mismatch";
    line.level = is_grave ? log_level::error : log_level::warn;
    line.code = why.code;
    line.reason = why.reason;
    line.listener = listener_;
    line.protocol = "postgresql";
    line.session = session_;
    line.request_id = request_id_;
    line.peer = to_text(peer_);
    line.tls = tls_version_of(socket_.tls());
    line.sni = sni_;
    line.option = settings_.tenant_option;
    line.sqlstate = sqlstate_of(kind, why.code);
    const auto colon = std::min(credential_.find(':'), credential_.size());
    line.credential_kind = credential_.substr(0, colon);
    line.credential_id = credential_.substr(std::min(colon + 1, credential_.size()));
    const auto group = group_of(peer_);
    line.peer_group.assign(reinterpret_cast<const char*>(group.data()), group.size());
    if (startup_) {
        line.database = startup_->database();
        const auto user = startup_->user();
        if (route_.user.kind == user_name::form::unknown) {
            line.user_hash = crypto::to_hex(crypto::view(crypto::sha256(user))).substr(0, 16);
        } else {
            line.user = user;
        }
    }
    for (const auto& key : route_.keys) {
        auto& told = line.keys.emplace_back(std::string(to_text(key.kind)), key.presented);
        if (key.tenant == nullptr) continue;
        told.tenant = key.tenant->tid;
        told.state = to_text(key.tenant->state);
    }
    if (const auto* candidate = route_.candidate()) line.tenant = candidate->tid;
    on_.note_refusal(std::move(line), directory_.get());
}

}  // namespace leasehold::router
