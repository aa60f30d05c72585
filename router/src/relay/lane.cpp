#include "relay/lane.hpp"

#include "relay/lane_core.hpp"
#include "transport/byte_queue.hpp"

#include <leasehold/router/wire/cancel_key.hpp>

#include <csignal>
#include <pthread.h>
#include <utility>

namespace leasehold::router::relay {
namespace {

// Signals are for the thread that waits for them; above all SIGPIPE, which SSL_write() would raise.
void block_signals() noexcept
{
    sigset_t all;
    ::sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigdelset(&all, fault);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

lane::lane(lane_settings settings, server_source& source, cancel_sender& cancels)
    : settings_(std::move(settings))
    , slots_(std::make_shared<slot_table>(settings_.router_number, settings_.index, settings_.max_sessions))
    , buffers_(std::make_unique<buffer_pool>())
    , transport_(make_epoll_transport(*buffers_, *settings_.clock))
    , inbox_(std::make_shared<inbox>(*transport_))
    , core_(std::make_unique<lane_core>(settings_, source, cancels, *transport_, *buffers_, inbox_))
    , thread_([this] {
        block_signals();
        core_->run();
    })
{
    const auto name = "relay-" + std::to_string(settings_.index);
    ::pthread_setname_np(thread_.native_handle(), name.c_str());
}

lane::~lane()
{
    stop();
}

std::variant<session_slot, refusal> lane::reserve_slot(const std::optional<client_share>& within)
{
    return slots_->reserve(within);
}

void lane::admit(admitted client)
{
    post([this, client = std::move(client)]() mutable { core_->admit(std::move(client)); });
}

void lane::submit(internal_call call)
{
    post([this, call = std::move(call)]() mutable { core_->submit(std::move(call)); });
}

void lane::release_link(pool_key pool, std::uint64_t link)
{
    post([this, pool, link] { core_->release_link(pool, link); });
}

void lane::cancel(std::uint32_t pid, std::string key)
{
    const auto whose = wire::client_pid::parse(pid);
    if (!whose || whose->lane() != settings_.index) return;
    post([this, slot = whose->slot(), key = std::move(key)] { core_->cancel(slot, key); });
}

void lane::kill(kill_order order)
{
    post([this, order = std::move(order)]() mutable { core_->kill(std::move(order)); });
}

void lane::limit_right(principal who, boot_time ends_at)
{
    post([this, who, ends_at] { core_->limit_right(who, ends_at); });
}

void lane::lease_renewed(lease_number which, boot_time ends_at)
{
    post([this, which, ends_at] { core_->lease_renewed(which, ends_at); });
}

void lane::lease_ending(lease_number which, boot_time by)
{
    post([this, which, by] { core_->lease_ending(which, by); });
}

void lane::lease_last_call(lease_number which)
{
    post([this, which] { core_->lease_last_call(which); });
}

void lane::lease_ended(lease_number which)
{
    post([this, which] { core_->lease_ended(which); });
}

void lane::relimit(const limits_lookup& limits_of, std::uint32_t max_sessions)
{
    post([this, limits_of, max_sessions] { core_->relimit(limits_of, max_sessions); });
    slots_->set_capacity(max_sessions);  // who takes a slot from here on is admitted after the order above
}

void lane::drain(std::chrono::milliseconds limit, std::function<void()> done)
{
    post([this, limit, done = std::move(done)]() mutable { core_->drain(limit, std::move(done)); });
}

void lane::stop()
{
    if (!thread_.joinable()) return;
    post([this] { core_->stop(); });
    thread_.join();
}

void lane::post(work what)
{
    inbox_->post(std::move(what));
}

const counters& lane::read_counters() const noexcept
{
    return std::as_const(*core_).tallies();
}

}  // namespace leasehold::router::relay
