#pragma once

#include <arpa/inet.h>
#include <cstdint>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace leasehold::test {

// A port of the loopback that nobody listens on now: for programs that cannot report one of their own choice.
inline std::uint16_t free_port()
{
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* raw = static_cast<sockaddr*>(static_cast<void*>(&where));
    const bool is_free = ::bind(socket, raw, size) == 0 && ::getsockname(socket, raw, &size) == 0;
    ::close(socket);
    if (!is_free) throw std::runtime_error("no free port");
    return ntohs(where.sin_port);
}

}  // namespace leasehold::test
