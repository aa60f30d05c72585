#pragma once

#include <arpa/inet.h>
#include <cstdint>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace leasehold::test {

inline sockaddr_in loopback(std::uint16_t port)
{
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(port);
    return where;
}

// True while somebody accepts connections on that port of the loopback.
inline bool listens(std::uint16_t port)
{
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto where = loopback(port);
    const bool is_open =
        ::connect(socket, static_cast<const sockaddr*>(static_cast<const void*>(&where)), sizeof where) == 0;
    ::close(socket);
    return is_open;
}

// Somebody else's listener, who says nothing to those who come.
class occupied_port
{
public:
    explicit occupied_port(std::uint16_t port = 0)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))
    {
        auto where = loopback(port);
        socklen_t size = sizeof where;
        auto* raw = static_cast<sockaddr*>(static_cast<void*>(&where));
        if (::bind(socket_, raw, size) != 0 || ::listen(socket_, 64) != 0 ||
            ::getsockname(socket_, raw, &size) != 0)
            throw std::runtime_error("the port is not free");
        port_ = ntohs(where.sin_port);
    }
    ~occupied_port() { ::close(socket_); }
    occupied_port(const occupied_port&) = delete;
    occupied_port& operator=(const occupied_port&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    // How many have come since the last look. They are let go.
    [[nodiscard]] int visitors() const
    {
        int seen = 0;
        for (;;) {
            const int one = ::accept(socket_, nullptr, nullptr);
            if (one < 0) return seen;
            ::close(one);
            ++seen;
        }
    }

private:
    int socket_;
    std::uint16_t port_ = 0;
};

}  // namespace leasehold::test
