#include "raw_client.hpp"

#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace leasehold::router::test {
namespace {

sockaddr_in loopback(const std::string& host, std::uint16_t port)
{
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    ::inet_pton(AF_INET, host.c_str(), &at.sin_addr);
    return at;
}

template <class Address>
const sockaddr* as_any(const Address& at)
{
    return static_cast<const sockaddr*>(static_cast<const void*>(&at));
}

}  // namespace

raw_client::raw_client(const std::string& unix_path)
    : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
{
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, unix_path.data(), unix_path.size());
    if (::connect(descriptor_, as_any(at), sizeof at) != 0)
        throw std::runtime_error("no listener at " + unix_path);
}

raw_client::raw_client(std::uint16_t port, const std::string& from)
    : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
{
    const auto own = loopback(from, 0);
    const auto to = loopback("127.0.0.1", port);
    const bool fine = ::bind(descriptor_, as_any(own), sizeof own) == 0 &&
                      ::connect(descriptor_, as_any(to), sizeof to) == 0;
    if (!fine) throw std::runtime_error("no connection to port " + std::to_string(port));
}

raw_client::raw_client(raw_client&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1))
    , is_closed_(other.is_closed_)
{}

raw_client::~raw_client()
{
    if (descriptor_ >= 0) ::close(descriptor_);
}

void raw_client::send(std::string_view bytes) const
{
    while (!bytes.empty()) {
        const auto put = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (put <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

void raw_client::end_sending() const
{
    ::shutdown(descriptor_, SHUT_WR);
}

std::string raw_client::read_all(std::chrono::milliseconds patience)
{
    const auto until = std::chrono::steady_clock::now() + patience;
    std::string all;
    std::array<char, 4096> piece{};
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd one{descriptor_, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&one, 1, static_cast<int>(left.count())) <= 0) return all;
        const auto got = ::recv(descriptor_, piece.data(), piece.size(), 0);
        if (got <= 0) {
            is_closed_ = true;
            return all;
        }
        all.append(piece.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace leasehold::router::test
