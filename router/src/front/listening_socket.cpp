#include "front/listening_socket.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace leasehold::router {
namespace {

[[noreturn]] void refuse(const address& at, int descriptor)
{
    const int reason = errno;
    if (descriptor >= 0) ::close(descriptor);
    const auto text = at.to_string() + ": " + std::system_category().message(reason);
    if (reason == EADDRINUSE) {
        throw error(
            error_kind::conflict, "address_in_use", "the address " + at.to_string() + " is in use", text
        );
    }
    throw error(error_kind::unavailable, "listen_failed", "cannot listen on " + at.to_string(), text);
}

int open_unix(const address& at, int backlog)
{
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    errno = ENAMETOOLONG;
    if (at.unix_path.size() >= sizeof where.sun_path) refuse(at, -1);
    std::memcpy(where.sun_path, at.unix_path.data(), at.unix_path.size());
    const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0) refuse(at, made);
    const auto* as = reinterpret_cast<const sockaddr*>(&where);
    if (::bind(made, as, sizeof where) != 0) {
        // A socket file that nobody listens on is what a killed process left.
        const int probe = errno == EADDRINUSE ? ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
        const bool is_dead = probe >= 0 && ::connect(probe, as, sizeof where) != 0 && errno == ECONNREFUSED;
        if (probe >= 0) ::close(probe);
        errno = EADDRINUSE;
        if (!is_dead || ::unlink(at.unix_path.c_str()) != 0 || ::bind(made, as, sizeof where) != 0)
            refuse(at, made);
    }
    ::chmod(at.unix_path.c_str(), 0660);
    if (::listen(made, backlog) != 0) refuse(at, made);
    return made;
}

int open_tcp(address& at, int backlog)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const auto port = std::to_string(at.port);
    if (::getaddrinfo(at.host.empty() ? nullptr : at.host.c_str(), port.c_str(), &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        refuse(at, -1);
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> kept(found, ::freeaddrinfo);
    const int made = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0) refuse(at, made);
    const int yes = 1;
    ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (::bind(made, found->ai_addr, found->ai_addrlen) != 0) refuse(at, made);
    if (::listen(made, backlog) != 0) refuse(at, made);

    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(made, reinterpret_cast<sockaddr*>(&bound), &size);
    in_port_t real = 0;  // at the same place in both families
    std::memcpy(&real, reinterpret_cast<const char*>(&bound) + offsetof(sockaddr_in, sin_port), sizeof real);
    at.port = ntohs(real);
    return made;
}

}  // namespace

int open_listener(address& at, int backlog)
{
    return at.is_unix() ? open_unix(at, backlog) : open_tcp(at, backlog);
}

}  // namespace leasehold::router
