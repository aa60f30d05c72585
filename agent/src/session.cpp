#include "session.hpp"

#include "signature.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/log.hpp>

#include <algorithm>
#include <random>
#include <utility>

namespace leasehold::agent {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t most_events = 200;
constexpr std::size_t most_event_bytes = std::size_t{512} << 10U;
constexpr auto token_pause = 1h;
constexpr auto hold_interval = 5min;
constexpr auto stopped_interval = 1h;
constexpr auto longest_jitter = 300s;
constexpr auto renewal_gap = 30s;
constexpr auto credential_settles = 60s;

std::string text_in(const json& body, const char* name)
{
    const auto at = body.find(name);
    return at != body.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::int64_t number_in(const json& body, const char* name, std::int64_t otherwise)
{
    const auto at = body.find(name);
    return at != body.end() && at->is_number_integer() ? at->get<std::int64_t>() : otherwise;
}

std::chrono::nanoseconds drawn_up_to(std::chrono::nanoseconds most)
{
    static std::mt19937_64 source{std::random_device{}()};
    return std::chrono::nanoseconds(std::uniform_int_distribution<std::int64_t>(0, most.count())(source));
}

// At 2/3 of the credential's life, 10 % around it, on this machine's clock: only the length of the life
// counts, not what either clock says.
wall_time time_to_renew(wall_time expires_at, std::optional<wall_time> gateway_time)
{
    const auto now = real_clock().wall();
    const auto life = std::max<wall_time::duration>(expires_at - gateway_time.value_or(now), 0s);
    const auto middle = life * 2 / 3;
    return now + middle - middle / 10 +
           std::chrono::duration_cast<wall_time::duration>(drawn_up_to(middle / 5));
}

identity load_or_make(const state_folder& folder)
{
    const auto machine = read_machine();
    const auto file = folder.file("identity.json");
    auto known = load_identity(file);
    if (!known) {
        auto made = make_identity(machine.machine_id);
        store_identity(file, made);  // before it is used: the same key next time
        return made;
    }
    const auto hint = machine_hint_of(known->salt, machine.machine_id);
    if (!known->machine_hint.empty() && !hint.empty() && hint != known->machine_hint) {
        throw error(
            error_kind::conflict,
            "machine_changed",
            folder.path().string() +
                " belongs to another machine (a copied image?): remove it to enroll this one anew"
        );
    }
    return std::move(*known);
}

spool_settings settings_of(const agent_config& config, const state_folder& folder)
{
    spool_settings settings;
    settings.folder = folder.file("spool");
    settings.max_bytes = config.spool.max_bytes;
    settings.segment = config.spool.segment;
    return settings;
}

}  // namespace

session::session(asio::io_context& loop, const agent_config& config, bool once)
    : config_(config)
    , once_(once)
    , folder_(config.security.state_dir)
    , who_(load_or_make(folder_))
    , spool_(settings_of(config, folder_))
    , rejected_(folder_.file("rejected"))
    , collector_(config, spool_, folder_.file("packages.sent"))
    , gateway_(config.server.url, config.server.ca_file)
    , alarm_(loop)
    , sync_alarm_(loop)
    , event_batch_(most_events)
{}

void session::stop()
{
    is_stopping_ = true;
    alarm_.cancel();
    sync_alarm_.cancel();
}

task<void> session::live()
{
    while (!is_stopping_) {
        collector_.collect(real_clock().boot());
        if (may_send() && !who_.is_enrolled()) co_await enroll();
        if (may_send() && who_.is_enrolled()) {
            if (mode_ != mode::sending) co_await ask_self();
            if (mode_ == mode::sending && who_.state == "pending") co_await send_presence();
            if (mode_ == mode::sending && who_.state != "pending") co_await send_all();
            const bool is_due = renew_asked_ || real_clock().wall() >= who_.renew_at;
            if (is_due && may_send()) co_await renew();
        }
        if (once_ && who_.is_enrolled() && spool_.is_empty()) break;
        if (!is_stopping_) co_await rest();
    }
    spool_.sync();
    stop();
}

task<void> session::keep_synced()
{
    while (!is_stopping_) {
        sync_alarm_.expires_after(config_.spool.sync);
        boost::system::error_code cancelled;
        co_await sync_alarm_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        spool_.sync();
    }
}

// -- enrollment --

std::string session::load_token() const
{
    const auto& from = config_.security;
    if (!from.enrollment_token.empty()) return std::string(from.enrollment_token.reveal());
    if (from.enrollment_token_file.empty()) {
        throw error(
            error_kind::invalid,
            "enrollment_token_missing",
            "this host is not enrolled: give security.enrollment_token or enrollment_token_file in " +
                config_.file.string()
        );
    }
    return std::string(load_secret_line(from.enrollment_token_file).reveal());
}

task<void> session::enroll()
{
    auto token = load_token();
    const auto& machine = collector_.machine();
    json body;
    body["name"] = config_.host.name.empty() ? machine.name : config_.host.name;
    body["fqdn"] = machine.fqdn;
    body["cluster_name"] = config_.host.cluster_name;
    body["platform"] = machine.platform;
    body["os_name"] = machine.os_name;
    body["os_version"] = machine.os_version;
    body["agent_version"] = LEASEHOLD_VERSION;
    body["public_key"] = crypto::to_base64(who_.public_key);
    body["machine_hint"] = who_.machine_hint;
    body["instance"] = collector_.instance();
    body["labels"] = config_.host.labels;

    gateway_request request(http::method::post, "/enroll");
    request.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
    request.signature = sign_enrollment(who_.seed, token, request.body);
    request.bearer = std::move(token);
    const auto answer = co_await gateway_.ask(std::move(request));
    if (answer.means == verdict::stored) {
        take_enrollment(answer);
    } else if (answer.means == verdict::token_refused || answer.means == verdict::credential_dead) {
        wait_for_token(answer);
    } else {
        obey(answer);
    }
}

void session::take_enrollment(const gateway_answer& answer)
{
    const auto host = host_id::parse(text_in(answer.body, "host_id"));
    const auto expires_at = parse_rfc3339(text_in(answer.body, "expires_at"));
    auto credential = text_in(answer.body, "credential");
    if (!host || !expires_at || credential.empty()) {
        gateway_answer unusable;
        unusable.code = "answer_malformed";
        unusable.detail = "the gateway's answer to an enrollment cannot be read";
        return obey(unusable);
    }
    who_.host = *host;
    who_.tenant = answer.body.contains("tenant") ? text_in(answer.body["tenant"], "tid") : std::string();
    who_.state = text_in(answer.body, "state");
    who_.credential = secret<std::string>::take(std::move(credential));
    who_.generation = number_in(answer.body, "generation", 1);
    who_.expires_at = *expires_at;
    who_.renew_at = time_to_renew(*expires_at, answer.time);
    credential_since_ = real_clock().boot();
    store();
    failures_ = 0;
    log::info(
        "host.enrolled",
        {{"host", who_.host->to_string()},
         {"tenant", who_.tenant},
         {"state", who_.state},
         {"note", "the enrollment token is not needed any more: remove it from the configuration"}}
    );
}

void session::wait_for_token(const gateway_answer& answer)
{
    const auto line = config_.token_line;
    const auto where = line > 0 ? config_.file.string() + " line " + std::to_string(line)
                                : config_.security.enrollment_token_file.string();
    if (once_)
        throw error(
            error_kind::unauthenticated, answer.code, answer.detail + " (change the token in " + where + ")"
        );
    log::error("enrollment.refused", {{"code", answer.code}, {"detail", answer.detail}, {"change", where}});
    set_pause(token_pause);
}

// -- sending --

task<gateway_answer> session::call(http::method how, std::string path, std::string body)
{
    gateway_request request(how, std::move(path));
    request.body = std::move(body);
    request.bearer = std::string(who_.credential.reveal());
    auto answer = co_await gateway_.ask(std::move(request));
    if (answer.clock_error) collector_.note_clock_error(*answer.clock_error);
    if (answer.status > 0 && answer.means == verdict::stored) failures_ = 0;
    // Another router may not know a credential that is only just issued.
    const bool is_fresh = real_clock().boot() - credential_since_ < credential_settles;
    if (is_fresh && answer.means == verdict::credential_dead) answer.means = verdict::later;
    co_return answer;
}

// One item of each kind in turn, so that a long backlog of one does not keep the others waiting.
task<void> session::send_all()
{
    bool has_more = true;
    while (has_more && may_send() && mode_ == mode::sending && !is_stopping_) {
        has_more = false;
        for (std::size_t i = 0; i < item_kind_names.size(); ++i) {
            const auto kind = static_cast<item_kind>(i);
            if (spool_.count(kind) == 0 || !may_send() || mode_ != mode::sending) continue;
            const bool goes_on = co_await send_one(kind);
            if (!goes_on) co_return;
            has_more = true;
        }
    }
}

task<bool> session::send_one(item_kind kind)
{
    if (kind == item_kind::heartbeat) co_return co_await send_heartbeat();
    if (kind == item_kind::inventory) co_return co_await send_inventory();
    if (kind == item_kind::packages) co_return co_await send_packages();
    co_return co_await send_events();
}

task<bool> session::send_heartbeat()
{
    const auto items = spool_.peek(item_kind::heartbeat);
    if (items.empty()) co_return true;
    const auto answer = co_await call(http::method::post, "/heartbeat", items.front());
    if (answer.means == verdict::stored) read_heartbeat_answer(answer);
    co_return settle(item_kind::heartbeat, answer, items.front());
}

task<bool> session::send_inventory()
{
    const auto items = spool_.peek(item_kind::inventory);
    if (items.empty()) co_return true;
    auto body = json::parse(items.front(), nullptr, false);
    const auto kind = body.is_object() ? text_in(body, "kind") : std::string();
    if (kind.empty()) {
        set_aside(item_kind::inventory, "malformed", items.front());
        co_return true;
    }
    body.erase("kind");
    const auto answer = co_await call(http::method::put, "/inventory/" + kind, body.dump());
    co_return settle(item_kind::inventory, answer, items.front());
}

task<bool> session::send_packages()
{
    const auto items = spool_.peek(item_kind::packages);
    if (items.empty()) co_return true;
    const auto answer = co_await call(http::method::put, "/packages", items.front());
    if (answer.means == verdict::stored) {
        const auto body = json::parse(items.front(), nullptr, false);
        if (body.is_object()) collector_.packages_stored(text_in(body, "sha256"));
    }
    co_return settle(item_kind::packages, answer, items.front());
}

task<bool> session::send_events()
{
    const auto items = spool_.peek(item_kind::event, event_batch_, most_event_bytes);
    if (items.empty()) co_return true;
    std::string body = "{\"events\":[";
    for (const auto& item : items) {
        if (body.back() != '[') body += ',';
        body += item;
    }
    body += "]}";
    const auto answer = co_await call(http::method::post, "/events", std::move(body));
    if (answer.means == verdict::set_aside && items.size() > 1) {
        event_batch_ = 1;  // one of them is at fault: alone it shows which
        co_return true;
    }
    if (answer.means != verdict::stored) co_return settle(item_kind::event, answer, items.front());
    const auto refused = answer.body.find("rejected");
    if (refused != answer.body.end() && refused->is_array()) {
        for (const auto& one : *refused) {
            if (!one.is_object()) continue;
            const auto id = text_in(one, "id");
            const auto item = std::find_if(items.begin(), items.end(), [&](const std::string& text) {
                return !id.empty() && text.find(id) != std::string::npos;
            });
            if (item != items.end()) rejected_.add(item_kind::event, text_in(one, "code"), *item);
        }
    }
    spool_.pop(item_kind::event, items.size());
    event_batch_ = most_events;
    co_return true;
}

// While a person has not approved this host only its presence is told; what was collected waits in the spool.
task<void> session::send_presence()
{
    auto body = collector_.heartbeat(false).dump();
    const auto answer = co_await call(http::method::post, "/heartbeat", std::move(body));
    if (answer.means != verdict::stored) {
        obey(answer);
    } else {
        read_heartbeat_answer(answer);
        if (who_.state != "pending") co_return;
        if (once_) throw error(error_kind::forbidden, "approval_pending", "this host waits for approval");
        set_pause(std::chrono::seconds(number_in(answer.body, "next_s", 60)));
    }
}

task<void> session::ask_self()
{
    const auto answer = co_await call(http::method::get, "/self", "");
    if (answer.means == verdict::stored) {
        set_state(text_in(answer.body, "state"));
        const bool may_go_on = who_.state == "active" || who_.state == "pending";
        if (may_go_on) {
            mode_ = mode::sending;
        } else {
            set_pause(stopped_interval);
        }
    } else {
        obey(answer);
    }
}

bool session::settle(item_kind kind, const gateway_answer& answer, const std::string& item)
{
    if (answer.means == verdict::stored) {
        spool_.pop(kind);
        return true;
    }
    if (answer.means == verdict::set_aside) {
        set_aside(kind, answer.code, item);
        return true;
    }
    obey(answer);
    return false;
}

void session::set_aside(item_kind kind, const std::string& code, const std::string& item)
{
    log::warn("item.rejected", {{"kind", to_text(kind)}, {"code", code}});
    rejected_.add(kind, code, item);
    spool_.pop(kind);
    if (kind == item_kind::event) return;  // an event about a rejected event could go round for ever
    json detail;
    detail["kind"] = to_text(kind);
    detail["code"] = code;
    collector_.report("item.rejected", std::move(detail));
}

// What an answer that is not success means for everything that would be sent next.
void session::obey(const gateway_answer& answer)
{
    if (answer.means == verdict::renew) {
        renew_asked_ = true;
        return;
    }
    if (once_) {
        const auto kind = answer.means == verdict::later ? error_kind::unavailable : error_kind::forbidden;
        throw error(kind, answer.code.empty() ? "gateway_unusable" : answer.code, answer.detail);
    }
    log::warn(
        "gateway.refused", {{"status", answer.status}, {"code", answer.code}, {"detail", answer.detail}}
    );
    switch (answer.means) {
    case verdict::hold:
        mode_ = mode::holding;
        set_pause(hold_interval);
        break;
    case verdict::stop_sending:
    case verdict::credential_dead:
    case verdict::token_refused:
        mode_ = mode::stopped;
        set_pause(stopped_interval);
        break;
    default: {
        const auto most =
            std::min<std::chrono::nanoseconds>(longest_jitter, 1s * (1 << std::min(failures_, 9)));
        ++failures_;
        set_pause(answer.retry_after + drawn_up_to(most));
    }
    }
}

void session::read_heartbeat_answer(const gateway_answer& answer)
{
    const auto next = std::clamp<std::int64_t>(number_in(answer.body, "next_s", 60), 1, 3600);
    collector_.set_heartbeat(real_clock().boot() + std::chrono::seconds(next));
    set_state(text_in(answer.body, "state"));
    const auto want = answer.body.find("want");
    if (want != answer.body.end() && want->is_array()) {
        for (const auto& one : *want) {
            if (one.is_string()) collector_.want(one.get<std::string>());
        }
    }
    const auto renew = answer.body.find("renew");
    if (renew != answer.body.end() && renew->is_boolean() && renew->get<bool>()) renew_asked_ = true;
}

void session::set_state(const std::string& state)
{
    if (state.empty() || state == who_.state) return;
    who_.state = state;
    store();
    log::info("host.state", {{"state", state}});
}

// -- the credential --

// The answer is on the disk before it is used: a crash between leaves this host with the credential before
// it, which the gateway still takes.
task<void> session::renew()
{
    renew_asked_ = false;
    json content;
    content["generation"] = who_.generation;
    gateway_request request(http::method::post, "/credential");
    request.body = content.dump();
    request.signature = sign_renewal(who_.seed, *who_.host, who_.generation, request.body);
    request.bearer = std::string(who_.credential.reveal());
    const auto answer = co_await gateway_.ask(std::move(request));
    const auto expires_at = parse_rfc3339(text_in(answer.body, "expires_at"));
    auto credential = text_in(answer.body, "credential");
    if (answer.means != verdict::stored || !expires_at || credential.empty()) {
        auto refusal = answer;
        // An expired credential that buys nothing either is dead.
        if (refusal.means == verdict::renew) refusal.means = verdict::credential_dead;
        if (refusal.means == verdict::stored || refusal.means == verdict::set_aside)
            refusal.means = verdict::later;
        obey(refusal);
        co_return;
    }
    who_.credential = secret<std::string>::take(std::move(credential));
    who_.generation = number_in(answer.body, "generation", who_.generation + 1);
    who_.expires_at = *expires_at;
    who_.renew_at = time_to_renew(*expires_at, answer.time);
    credential_since_ = real_clock().boot();
    store();
    failures_ = 0;
    const auto now = real_clock().boot();
    if (now - renewed_at_ < renewal_gap)
        set_pause(renewal_gap);  // a gateway that takes none must not be hammered
    renewed_at_ = now;
    log::info("credential.renewed", {{"generation", who_.generation}});
}

void session::store()
{
    store_identity(folder_.file("identity.json"), who_);
}

// -- time --

void session::set_pause(std::chrono::nanoseconds length)
{
    paused_until_ = real_clock().boot() + length;
}

bool session::may_send() const
{
    return real_clock().boot() >= paused_until_;
}

boot_time session::next_wake() const
{
    const bool has_work = !spool_.is_empty() || !who_.is_enrolled() || mode_ != mode::sending ||
                          renew_asked_ || who_.state == "pending";
    auto at = collector_.next();
    if (has_work) at = std::min(at, paused_until_);
    if (who_.is_enrolled()) {
        const auto until_renewal = std::max<wall_time::duration>(who_.renew_at - real_clock().wall(), 0s);
        at = std::min(at, std::max(paused_until_, real_clock().boot() + until_renewal));
    }
    return at;
}

task<void> session::rest()
{
    const auto length = std::max<std::chrono::nanoseconds>(next_wake() - real_clock().boot(), 0ns);
    alarm_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(length));
    boost::system::error_code cancelled;
    co_await alarm_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

}  // namespace leasehold::agent
