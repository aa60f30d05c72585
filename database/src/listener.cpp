#include "notification_source.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/database/listener.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace leasehold::database {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_pause{100};
constexpr milliseconds longest_pause{5000};
// What TLS has decrypted already does not show at the socket.
constexpr milliseconds look_anyway{1000};

}  // namespace

struct listener::impl
{
    impl(endpoint to, std::string on, std::function<void(std::string_view)> call)
        : where(std::move(to))
        , channel(std::move(on))
        , on_wake(std::move(call))
        , stop(eventfd(0, EFD_CLOEXEC))
    {
        if (stop < 0)
            throw error(error_kind::unavailable, "descriptors_exhausted", "no file descriptor is left");
    }
    ~impl() { ::close(stop); }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    void live()
    {
        auto pause = first_pause;
        bool has_failed = false;
        while (!is_stopped_within(milliseconds(0))) {
            try {
                const auto source = listen(where, channel);
                if (std::exchange(has_failed, false)) log::info("listener.restored", {{"channel", channel}});
                pause = first_pause;
                on_wake("");  // something may have been missed until now
                follow(*source);
                return;
            } catch (const std::exception& why) {
                if (!std::exchange(has_failed, true))
                    log::failure("listener.lost", why, {{"channel", channel}});
            }
            if (is_stopped_within(pause)) return;
            pause = std::min(pause * 2, longest_pause);
        }
    }

    // Returns when told to stop, throws when the connection is lost.
    void follow(notification_source& source)
    {
        for (;;) {
            std::array<pollfd, 2> both{{{source.socket(), POLLIN, 0}, {stop, POLLIN, 0}}};
            ::poll(both.data(), both.size(), static_cast<int>(look_anyway.count()));
            if (both[1].revents != 0) return;
            for (const auto& payload : source.take()) on_wake(payload);
        }
    }

    [[nodiscard]] bool is_stopped_within(milliseconds wait) const
    {
        pollfd one{stop, POLLIN, 0};
        return ::poll(&one, 1, static_cast<int>(wait.count())) > 0;
    }

    endpoint where;
    std::string channel;
    std::function<void(std::string_view)> on_wake;
    int stop;  // an eventfd, written once
    std::thread thread;
};

listener::listener(endpoint where, std::string channel, std::function<void(std::string_view)> on_wake)
    : impl_(std::make_unique<impl>(std::move(where), std::move(channel), std::move(on_wake)))
{
    impl_->thread = std::thread([state = impl_.get()] {
        pthread_setname_np(pthread_self(), "listener");
        state->live();
    });
}

listener::~listener()
{
    const std::uint64_t one = 1;
    while (::write(impl_->stop, &one, sizeof one) < 0 && errno == EINTR) {
    }
    impl_->thread.join();
}

}  // namespace leasehold::database
