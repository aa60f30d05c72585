#include "tcp_relay.hpp"

#include <leasehold/base/lane.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace leasehold::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Two sockets and what flows between them, on the relay's lane.
class pair : public std::enable_shared_from_this<pair>
{
public:
    pair(tcp::socket client, std::atomic<bool>& is_silent, std::atomic<std::uint64_t>& kept_back)
        : client_(std::move(client))
        , target_(client_.get_executor())
        , is_silent_(is_silent)
        , kept_back_(kept_back)
    {}
    void start(std::uint16_t target)
    {
        target_.async_connect(
            {asio::ip::address_v4::loopback(), target},
            [self = shared_from_this()](error_code failed) {
                if (failed) return self->reset();
                self->pump(self->client_, self->target_, self->to_target_, false);
                self->pump(self->target_, self->client_, self->to_client_, true);
            }
        );
    }
    void reset()
    {
        error_code ignored;
        client_.set_option(asio::socket_base::linger(true, 0), ignored);
        client_.close(ignored);
        target_.close(ignored);
    }

private:
    using buffer = std::array<char, 16384>;

    void pump(tcp::socket& from, tcp::socket& to, buffer& with, bool is_answer)
    {
        const auto self = shared_from_this();
        from.async_read_some(
            asio::buffer(with),
            [=, this, &from, &to, &with](error_code failed, std::size_t count) {
                (void)self;
                if (failed) return reset();
                if (is_answer && is_silent_) {
                    kept_back_ += count;
                    return pump(from, to, with, is_answer);
                }
                asio::async_write(
                    to,
                    asio::buffer(with, count),
                    [=, this, &from, &to, &with](error_code lost, std::size_t) {
                        (void)self;
                        if (lost) return reset();
                        pump(from, to, with, is_answer);
                    }
                );
            }
        );
    }

    tcp::socket client_;
    tcp::socket target_;
    buffer to_target_{};
    buffer to_client_{};
    std::atomic<bool>& is_silent_;
    std::atomic<std::uint64_t>& kept_back_;
};

}  // namespace

struct tcp_relay::impl
{
    explicit impl(std::uint16_t to) : target(to) {}

    void open()
    {
        acceptor.emplace(own.context());
        acceptor->open(tcp::v4());
        acceptor->set_option(tcp::acceptor::reuse_address(true));
        acceptor->bind({asio::ip::address_v4::loopback(), port});
        acceptor->listen();
        port = acceptor->local_endpoint().port();
        accept();
    }
    void accept()
    {
        acceptor->async_accept([this](error_code failed, tcp::socket client) {
            if (failed) return;
            std::erase_if(pairs, [](const auto& one) { return one.expired(); });
            const auto made = std::make_shared<pair>(std::move(client), is_silent, kept_back);
            pairs.push_back(made);
            made->start(target);
            accept();
        });
    }
    void cut()
    {
        acceptor.reset();
        for (const auto& one : pairs) {
            if (const auto alive = one.lock()) alive->reset();
        }
        pairs.clear();
    }
    template <class Work>
    void on_lane(Work work)
    {
        std::promise<void> done;
        asio::post(own.context(), [&] {
            work();
            done.set_value();
        });
        done.get_future().wait();
    }

    std::uint16_t target;
    std::uint16_t port = 0;
    std::atomic<bool> is_silent = false;
    std::atomic<std::uint64_t> kept_back = 0;
    lane own{"relay"};
    std::optional<tcp::acceptor> acceptor;
    std::vector<std::weak_ptr<pair>> pairs;
};

tcp_relay::tcp_relay(std::uint16_t target) : impl_(std::make_unique<impl>(target))
{
    impl_->on_lane([&] { impl_->open(); });
}

tcp_relay::~tcp_relay()
{
    impl_->on_lane([&] { impl_->cut(); });
    impl_->own.join();
}

std::uint16_t tcp_relay::port() const noexcept
{
    return impl_->port;
}

void tcp_relay::set_cut(bool is_cut)
{
    impl_->on_lane([&] {
        impl_->cut();
        if (!is_cut) impl_->open();
    });
}

void tcp_relay::keep_answers_back()
{
    impl_->is_silent = true;
}

std::uint64_t tcp_relay::kept_back() const noexcept
{
    return impl_->kept_back;
}

}  // namespace leasehold::test
