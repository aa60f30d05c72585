#include "front/login_room.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <utility>

namespace leasehold::router {

peer_group group_of(const sockaddr_storage& peer) noexcept
{
    peer_group group{};
    if (peer.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &peer, sizeof v4);
        group[10] = group[11] = 0xff;
        std::memcpy(group.data() + 12, &v4.sin_addr, 4);
    } else if (peer.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &peer, sizeof v6);
        std::memcpy(group.data(), &v6.sin6_addr, 16);
        const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
        if (!is_mapped) std::fill(group.begin() + 8, group.end(), std::uint8_t{0});  // the /64
    }
    return group;
}

std::string to_text(const sockaddr_storage& peer)
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (peer.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &peer, sizeof v4);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
        return std::string(text.data()) + ":" + std::to_string(ntohs(v4.sin_port));
    }
    if (peer.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &peer, sizeof v6);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
        return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(v6.sin6_port));
    }
    return "unix";
}

bool login_room::enter(const peer_group& from, place& into, std::function<void()> close)
{
    const auto own = groups_.find(from);
    const bool own_is_full = own != groups_.end() && own->second.size >= per_group_;
    if (own_is_full || size_ >= all_) {
        auto giver = own;
        if (!own_is_full) {
            giver = std::find_if(groups_.begin(), groups_.end(), [](const auto& g) {
                return !g.second.silent.empty();
            });
        }
        if (giver == groups_.end() || giver->second.silent.empty()) return false;
        auto& oldest = giver->second.silent.front();
        const auto end_oldest = std::move(oldest.close);
        oldest.who->leave();  // may remove the group
        end_oldest();
    }
    auto& now = groups_[from];
    ++now.size;
    ++size_;
    into.room_ = this;
    into.group_ = from;
    into.is_silent_ = true;
    into.at_ = now.silent.insert(now.silent.end(), {&into, std::move(close)});
    return true;
}

void login_room::place::has_spoken() noexcept
{
    if (room_ == nullptr || !is_silent_) return;
    room_->groups_[group_].silent.erase(at_);
    is_silent_ = false;
}

void login_room::place::leave() noexcept
{
    if (room_ == nullptr) return;
    has_spoken();
    auto& group = room_->groups_[group_];
    if (--group.size == 0) room_->groups_.erase(group_);
    --room_->size_;
    room_ = nullptr;
}

}  // namespace leasehold::router
