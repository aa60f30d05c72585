#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>

struct sockaddr_storage;

namespace leasehold::router {

// Who a peer is for limits: an IPv4 address, the first half of an IPv6 address, or the Unix socket.
using peer_group = std::array<std::uint8_t, 16>;
peer_group group_of(const sockaddr_storage& peer) noexcept;
std::string to_text(const sockaddr_storage& peer);  // 192.0.2.7:5432, [2001:db8::1]:5432, unix

// Sockets that have not logged in yet: so many in all, so many per group. A full group gives up the socket
// that has been silent longest for a new one, so that silence shuts out nobody; where all of a group speak,
// new ones are turned away. Owner and thread: one front lane.
class login_room
{
public:
    login_room(std::size_t all, std::size_t per_group) : all_(all), per_group_(per_group) {}

    class place;
    // `close`: ends the socket (called at most once, while it is silent). Empty handle: no room.
    [[nodiscard]] bool enter(const peer_group& from, place& into, std::function<void()> close);
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    // One socket's stay; leaves by its destructor.
    class place
    {
    public:
        place() = default;
        place(const place&) = delete;
        place& operator=(const place&) = delete;
        ~place() { leave(); }
        void has_spoken() noexcept;  // its first byte came: it is not given up any more
        void leave() noexcept;

    private:
        friend class login_room;
        struct silent_one
        {
            place* who;
            std::function<void()> close;
        };
        login_room* room_ = nullptr;
        peer_group group_{};
        bool is_silent_ = false;
        std::list<silent_one>::iterator at_;
    };

private:
    struct group
    {
        std::size_t size = 0;
        std::list<place::silent_one> silent;  // oldest first
    };

    std::size_t all_;
    std::size_t per_group_;
    std::size_t size_ = 0;
    std::map<peer_group, group> groups_;
};

}  // namespace leasehold::router
