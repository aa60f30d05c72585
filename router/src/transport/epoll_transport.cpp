#include "transport/epoll_transport.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace leasehold::router {
namespace {

constexpr std::uint64_t event_mark = ~std::uint64_t{0};
constexpr std::size_t low_water = std::size_t{16} * 1024;
constexpr std::chrono::seconds finish_limit{5};

bool would_block() noexcept
{
    return errno == EAGAIN || errno == EINTR;  // EWOULDBLOCK is EAGAIN on Linux
}

}  // namespace

std::unique_ptr<transport> make_epoll_transport(buffer_pool& buffers, const clock_source& clock)
{
    return std::make_unique<epoll_transport>(buffers, clock);
}

epoll_transport::epoll_transport(buffer_pool& buffers, const clock_source& clock)
    : buffers_(buffers)
    , clock_(clock)
    , now_(clock.boot())
    , epoll_(::epoll_create1(EPOLL_CLOEXEC))
    , event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
{
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.u64 = event_mark;
    if (epoll_ < 0 || event_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &wanted) != 0) {
        throw std::bad_alloc();  // at start only: no descriptors left
    }
}

epoll_transport::~epoll_transport()
{
    for (const auto& c : connections_) {
        if (c->is_open) free_connection(*c);
    }
    if (event_ >= 0) ::close(event_);
    if (epoll_ >= 0) ::close(epoll_);
}

std::optional<transport::handle> epoll_transport::add(connected_socket socket, endpoint& to) noexcept
{
    if (free_.empty()) {
        auto fresh = std::make_unique<connection>();
        fresh->index = static_cast<std::uint32_t>(connections_.size());
        free_.push_back(fresh->index);
        connections_.push_back(std::move(fresh));
        free_.reserve(connections_.size());  // free_connection() must not allocate
    }
    auto& c = *connections_[free_.back()];
    c.socket = std::move(socket);
    if (auto* const tls = c.socket.tls(); tls != nullptr) {
        SSL_set_mode(
            tls,
            SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
        );
        SSL_set_read_ahead(tls, 1);  // else each record costs two reads: its head, then its body
    }
    c.to = &to;
    c.is_open = true;
    c.how = reading::on;
    free_.pop_back();
    watch(c);
    if (!c.is_registered) {
        free_connection(c);
        return std::nullopt;
    }
    forced_.push_back(c.forced, c);
    return handle{c.index, c.generation};
}

void epoll_transport::set_reading(handle h, reading how) noexcept
{
    auto* const c = find(h);
    if (c == nullptr || c->how == how || c->has_failed) return;
    c->how = how;
    watch(*c);
    // What TLS has decrypted already is not seen by epoll.
    if (how == reading::on && c->socket.tls() != nullptr && !c->forced.is_linked())
        forced_.push_back(c->forced, *c);
}

bool epoll_transport::send(handle h, std::span<const std::string_view> parts) noexcept
{
    auto* const c = find(h);
    if (c == nullptr || c->has_failed) return true;  // on_closed is on its way
    for (auto part : parts) {
        if (part.size() >= direct_minimum && !c->is_blocked && c->socket.tls() == nullptr) {
            std::size_t taken = 0;  // much at once: no copy of what the socket takes now
            const auto result = write_out(*c, part, taken);
            part.remove_prefix(taken);
            if (result == io::failed) {
                fail(*c);
                return true;
            }
            c->is_blocked = result == io::blocked;
        }
        c->out.append(buffers_, part);
    }
    if (c->out.size() > high_water / 2 && !c->is_blocked) {
        std::size_t none = 0;
        const auto result = write_out(*c, {}, none);
        if (result == io::failed) fail(*c);
        c->is_blocked = result == io::blocked;
    }
    if (!c->dirty.is_linked()) dirty_.push_back(c->dirty, *c);
    if (c->out.size() <= high_water) return true;
    c->is_awaited = true;
    return false;
}

std::size_t epoll_transport::pending(handle h) const noexcept
{
    const auto* const c = find(h);
    return c == nullptr ? 0 : c->out.size();
}

void epoll_transport::turn(boot_time deadline) noexcept
{
    flush_dirty();
    std::array<epoll_event, 256>
        events;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
    const int timeout = forced_.empty() ? wait_milliseconds(deadline) : 0;
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
    now_ = clock_.boot();

    for (auto left = forced_.size(); left > 0; --left) {
        if (auto* const c = forced_.pop_front(); c != nullptr) read(*c);
    }
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        if (event.data.u64 == event_mark) {
            is_signalled_.store(false);  // before the lane looks into its inbox
            std::uint64_t number = 0;
            [[maybe_unused]] const auto ignored = ::read(event_, &number, sizeof number);
            continue;
        }
        const handle h{
            static_cast<std::uint32_t>(event.data.u64), static_cast<std::uint32_t>(event.data.u64 >> 32U)};
        if (auto* const c = find(h); c != nullptr) {
            deliver(*c, event.events);
        } else if (h.index < connections_.size() && connections_[h.index]->finishing.is_linked()) {
            deliver(*connections_[h.index], event.events);
        }
    }
    flush_dirty();
    if (!finishing_.empty()) end_overdue();
}

void epoll_transport::deliver(connection& c, std::uint32_t events) noexcept
{
    const auto generation = c.generation;
    const auto is_same = [&] { return c.generation == generation && c.is_open && !c.has_failed; };
    if (c.finishing.is_linked()) {
        std::size_t none = 0;
        const bool is_broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
        if (is_broken || write_out(c, {}, none) != io::blocked) free_connection(c);
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        c.is_blocked = false;
        flush(c);
        if (!is_same()) return;
    }
    const bool is_gone = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (c.how == reading::on) {
        if ((events & EPOLLIN) != 0 || is_gone || c.reads_for_write) read(c);
        return;
    }
    if (c.how == reading::end_only && (is_gone || (events & EPOLLRDHUP) != 0)) {
        tell_closed(c);
        return;
    }
    if (is_gone && !c.is_blocked) {  // it would be reported again and again; reading will find out
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, c.socket.descriptor(), nullptr);
        c.is_registered = false;
    }
}

void epoll_transport::read(connection& c) noexcept
{
    const auto generation = c.generation;
    for (std::size_t budget = bytes_per_turn; budget > 0;) {
        if (!c.is_open || c.to == nullptr || c.has_failed || c.how != reading::on) return;
        const auto count = receive(c);
        if (count < 0) return;
        if (count == 0) {
            tell_closed(c);
            return;
        }
        const auto size = static_cast<std::size_t>(count);
        c.to->on_bytes({input_.data(), size});
        if (c.generation != generation || !c.is_open) return;
        const bool may_have_more =
            size == input_.size() || (c.socket.tls() != nullptr && SSL_has_pending(c.socket.tls()) != 0);
        if (!may_have_more) return;  // epoll will tell
        budget -= std::min(budget, size);
    }
    if (c.socket.tls() != nullptr && !c.forced.is_linked()) forced_.push_back(c.forced, c);
}

long epoll_transport::receive(connection& c) noexcept
{
    auto* const tls = c.socket.tls();
    if (tls == nullptr) {
        const auto count = ::recv(c.socket.descriptor(), input_.data(), input_.size(), MSG_DONTWAIT);
        return count < 0 && !would_block() ? 0 : count;
    }
    ERR_clear_error();
    const int count = SSL_read(tls, input_.data(), static_cast<int>(input_.size()));
    if (count > 0) {
        if (c.reads_for_write) {
            c.reads_for_write = false;
            watch(c);
        }
        return count;
    }
    switch (SSL_get_error(tls, count)) {
    case SSL_ERROR_WANT_READ:
        return -1;
    case SSL_ERROR_WANT_WRITE:
        c.reads_for_write = true;
        watch(c);
        return -1;
    default:
        ERR_clear_error();
        return 0;
    }
}

epoll_transport::io
epoll_transport::write_out(connection& c, std::string_view direct, std::size_t& direct_taken) noexcept
{
    if (auto* const tls = c.socket.tls(); tls != nullptr) {
        while (!c.out.empty()) {
            const auto piece = c.out.front();
            ERR_clear_error();
            const int count = SSL_write(tls, piece.data(), static_cast<int>(piece.size()));
            if (count > 0) {
                c.out.consume(buffers_, static_cast<std::size_t>(count));
                continue;
            }
            const int why = SSL_get_error(tls, count);
            ERR_clear_error();
            return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? io::blocked : io::failed;
        }
        return io::done;
    }
    while (!c.out.empty() || direct_taken < direct.size()) {
        std::array<iovec, 16> parts;  // NOLINT(cppcoreguidelines-pro-type-member-init)
        std::size_t used = 0;
        std::size_t queued = 0;
        const auto* one = c.out.head();
        for (; one != nullptr && used < parts.size() - 1; one = one->next) {
            const auto view = one->view();
            parts[used++] = {const_cast<char*>(view.data()), view.size()};
            queued += view.size();
        }
        std::size_t wanted = queued;
        if (one == nullptr && direct_taken < direct.size()) {
            const auto rest = direct.substr(direct_taken);
            parts[used++] = {const_cast<char*>(rest.data()), rest.size()};
            wanted += rest.size();
        }
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = used;
        const auto count = ::sendmsg(c.socket.descriptor(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0) return would_block() ? io::blocked : io::failed;
        const auto sent = static_cast<std::size_t>(count);
        c.out.consume(buffers_, std::min(sent, queued));
        if (sent > queued) direct_taken += sent - queued;
        if (sent < wanted) return io::blocked;
    }
    return io::done;
}

void epoll_transport::flush(connection& c) noexcept
{
    if (!c.is_blocked) {
        std::size_t none = 0;
        const auto result = write_out(c, {}, none);
        if (result == io::failed) {
            c.has_failed = true;
            tell_closed(c);
            return;
        }
        c.is_blocked = result == io::blocked;
    }
    watch(c);
    if (c.is_awaited && c.out.size() <= low_water) {
        c.is_awaited = false;
        c.to->on_writable();
    }
}

void epoll_transport::flush_dirty() noexcept
{
    while (auto* const c = dirty_.pop_front()) {
        if (c->has_failed) {
            tell_closed(*c);
        } else {
            flush(*c);
        }
    }
}

void epoll_transport::fail(connection& c) noexcept
{
    c.has_failed = true;  // told at the end of the turn, never from inside send()
    if (!c.dirty.is_linked()) dirty_.push_back(c.dirty, c);
}

void epoll_transport::tell_closed(connection& c) noexcept
{
    c.has_failed = true;
    if (c.is_registered) {
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, c.socket.descriptor(), nullptr);
        c.is_registered = false;
    }
    if (c.to != nullptr) c.to->on_closed();
}

void epoll_transport::watch(connection& c) noexcept
{
    if (c.has_failed) return;
    std::uint32_t wanted = 0;
    if (c.how == reading::on) wanted = EPOLLIN;
    if (c.how == reading::end_only) wanted = EPOLLRDHUP;
    if (c.is_blocked || c.reads_for_write) wanted |= EPOLLOUT;
    if (c.is_registered && wanted == c.watched) return;
    epoll_event event{};
    event.events = wanted;
    event.data.u64 = std::uint64_t{c.generation} << 32U | c.index;
    const int act = c.is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (::epoll_ctl(epoll_, act, c.socket.descriptor(), &event) != 0) {
        if (c.is_registered) fail(c);
        return;
    }
    c.is_registered = true;
    c.watched = wanted;
}

void epoll_transport::remove(handle h) noexcept
{
    if (auto* const c = find(h); c != nullptr) free_connection(*c);
}

void epoll_transport::finish(handle h, patience how) noexcept
{
    auto* const c = find(h);
    if (c == nullptr) return;
    std::size_t none = 0;
    const auto result = c->has_failed ? io::failed : write_out(*c, {}, none);
    if (result != io::blocked || how == patience::none) {
        drain_input(*c);
        free_connection(*c);
        return;
    }
    c->to = nullptr;
    c->how = reading::off;
    c->is_blocked = true;
    dirty_.remove(c->dirty);
    forced_.remove(c->forced);
    c->finish_by = now_ + finish_limit;
    finishing_.push_back(c->finishing, *c);
    watch(*c);
}

// Unread bytes at close would make TCP reset the connection and lose the last message on its way.
void epoll_transport::drain_input(connection& c) noexcept
{
    for (int i = 0; i < 4; ++i) {
        if (::recv(c.socket.descriptor(), input_.data(), input_.size(), MSG_DONTWAIT) <= 0) return;
    }
}

void epoll_transport::end_overdue() noexcept
{
    while (auto* const c = finishing_.front()) {
        if (c->finish_by > now_) return;
        free_connection(*c);
    }
}

void epoll_transport::free_connection(connection& c) noexcept
{
    dirty_.remove(c.dirty);
    forced_.remove(c.forced);
    finishing_.remove(c.finishing);
    c.out.clear(buffers_);
    c.socket.close();  // and epoll forgets it
    c.to = nullptr;
    c.is_registered = c.is_open = c.has_failed = c.is_blocked = c.is_awaited = c.reads_for_write = false;
    c.watched = 0;
    if (++c.generation == 0) c.generation = 1;
    free_.push_back(c.index);
}

epoll_transport::connection* epoll_transport::find(handle h) const noexcept
{
    if (h.generation == 0 || h.index >= connections_.size()) return nullptr;
    auto* const c = connections_[h.index].get();
    return c->is_open && c->generation == h.generation && c->to != nullptr ? c : nullptr;
}

void epoll_transport::wake() noexcept
{
    if (is_signalled_.exchange(true)) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto ignored = ::write(event_, &one, sizeof one);
}

int epoll_transport::wait_milliseconds(boot_time deadline) const noexcept
{
    if (deadline == boot_time::max() && finishing_.empty()) return -1;
    constexpr std::chrono::milliseconds most{1000};  // finishing connections, and a clock that was set asleep
    const auto left = deadline - clock_.boot();
    if (left <= left.zero()) return 0;
    if (left >= most) return static_cast<int>(most.count());
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

}  // namespace leasehold::router
