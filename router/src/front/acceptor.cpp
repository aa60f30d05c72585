#include "front/acceptor.hpp"

#include "front/listening_socket.hpp"

#include <leasehold/base/log.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <system_error>
#include <unistd.h>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;
constexpr int backlog = 1024;

}  // namespace

acceptor::acceptor(address at, std::vector<front_lane*> lanes)
    : at_(std::move(at))
    , lanes_(std::move(lanes))
    , listening_(lanes_.front()->context(), open_listener(at_, backlog))
    , spare_(::open("/dev/null", O_RDONLY | O_CLOEXEC))
{}

acceptor::~acceptor()
{
    if (spare_ >= 0) ::close(spare_);
}

void acceptor::start()
{
    auto work = run();
    spawn(lanes_.front()->context(), "router.accept", std::move(work));
}

void acceptor::close()
{
    asio::post(lanes_.front()->context(), [this] {
        boost::system::error_code ignored;
        listening_.close(ignored);
        if (at_.is_unix()) ::unlink(at_.unix_path.c_str());
    });
}

task<void> acceptor::run()
{
    while (listening_.is_open()) {
        boost::system::error_code failed;
        co_await listening_.async_wait(
            asio::posix::descriptor_base::wait_read, asio::redirect_error(asio::use_awaitable, failed)
        );
        if (failed) break;  // closed by shutdown
        while (accept_one()) {
        }
        if (is_full_) co_await sleep_for(100ms);
        is_full_ = false;
    }
}

bool acceptor::accept_one()
{
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int made = ::accept4(
        listening_.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC
    );
    if (made < 0) {
        if (errno == EMFILE || errno == ENFILE)
            shed();
        else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
            log::warn("listener.accept_failed", {{"reason", std::system_category().message(errno)}});
            is_full_ = true;
        }
        return errno == ECONNABORTED || errno == EINTR;
    }
    const int yes = 1;
    if (peer.ss_family != AF_UNIX) ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    lanes_[next_++ % lanes_.size()]->take(made, peer, at_.to_string());
    return true;
}

void acceptor::shed()
{
    log::warn("listener.descriptors_exhausted", {{"listener", at_.to_string()}});
    is_full_ = true;
    if (spare_ < 0) return;
    ::close(spare_);
    const int turned_away = ::accept4(listening_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    if (turned_away >= 0) ::close(turned_away);
    spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    errno = EMFILE;
}

}  // namespace leasehold::router
