#include "transport/byte_queue.hpp"
#include "transport/transport.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;

// Notes what it is told, and does what the test wants done.
struct noting final : endpoint
{
    void on_bytes(std::string_view bytes) noexcept override
    {
        got.append(bytes);
        ++deliveries;
        if (on_got) on_got();
    }
    void on_closed() noexcept override { is_closed = true; }
    void on_writable() noexcept override { ++writable; }

    std::string got;
    int deliveries = 0;
    int writable = 0;
    bool is_closed = false;
    std::function<void()> on_got;
};

struct own_ends
{
    own_ends()
    {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::bad_alloc();
        for (const int one : ends) ::fcntl(one, F_SETFL, O_NONBLOCK);
    }
    std::array<int, 2> ends{};
};

class EpollTransport : public ::testing::Test
{
protected:
    static constexpr auto patience = 10s;

    EpollTransport() : net(make_epoll_transport(buffers, real_clock()))
    {
        std::signal(SIGPIPE, SIG_IGN);  // lanes block it: TLS writes raise it when the peer is gone
    }
    ~EpollTransport() override
    {
        net.reset();
        if (theirs >= 0) ::close(theirs);
    }
    transport::handle add(endpoint& to)
    {
        const own_ends made;
        theirs = made.ends[1];
        const auto handle = net->add(connected_socket(made.ends[0]), to);
        EXPECT_TRUE(handle.has_value());
        return handle.value_or(transport::handle{});
    }
    void turn_until(const std::function<bool()>& holds)
    {
        const auto until = boot_clock::now() + patience;
        while (!holds()) {
            ASSERT_LT(boot_clock::now(), until) << "it never became true";
            net->turn(boot_clock::now() + 10ms);
        }
    }
    void turn() { net->turn(boot_clock::now()); }
    std::string receive(std::size_t count) const
    {
        std::string bytes(count, '\0');
        const auto got = ::recv(theirs, bytes.data(), count, MSG_DONTWAIT);
        bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return bytes;
    }
    void write(std::string_view bytes) const
    {
        ASSERT_EQ(::send(theirs, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }

    buffer_pool buffers;
    std::unique_ptr<transport> net;
    int theirs = -1;
};

TEST_F(EpollTransport, GathersWhatIsSentInOneTurn)
{
    noting end;
    const auto handle = add(end);
    EXPECT_TRUE(net->send(handle, "one "));
    EXPECT_TRUE(net->send(handle, "two"));
    EXPECT_EQ(receive(100), "");  // not yet
    turn();
    EXPECT_EQ(receive(100), "one two");
}

TEST_F(EpollTransport, ReadsNothingWhileItIsTurnedOff)
{
    noting end;
    const auto handle = add(end);
    net->set_reading(handle, reading::off);
    write("held");
    turn();
    turn();
    EXPECT_EQ(end.got, "");
    net->set_reading(handle, reading::on);
    turn_until([&] { return end.got == "held"; });
}

TEST_F(EpollTransport, TurningItOffInsideADeliveryStopsTheTurn)
{
    noting end;
    const auto handle = add(end);
    end.on_got = [&] { net->set_reading(handle, reading::off); };
    write(std::string(40'000, 'x'));
    turn_until([&] { return end.deliveries > 0; });
    turn();
    EXPECT_EQ(end.deliveries, 1);
    EXPECT_EQ(end.got.size(), 16U * 1024);
}

TEST_F(EpollTransport, TellsTheEndOfAPeerThatIsNotRead)
{
    noting silent;
    const auto handle = add(silent);
    net->set_reading(handle, reading::end_only);
    write("unread");
    turn();
    EXPECT_FALSE(silent.is_closed);
    ::shutdown(theirs, SHUT_WR);
    turn_until([&] { return silent.is_closed; });
    EXPECT_EQ(silent.got, "");
}

TEST_F(EpollTransport, DoesNotSpinOnADeadPeerThatIsTurnedOff)
{
    noting end;
    const auto handle = add(end);
    net->set_reading(handle, reading::off);
    write("last words");
    ::close(std::exchange(theirs, -1));
    turn();
    const auto begun = boot_clock::now();
    net->turn(begun + 100ms);
    EXPECT_GE(boot_clock::now() - begun, 90ms);  // it slept
    EXPECT_FALSE(end.is_closed);
    net->set_reading(handle, reading::on);
    turn_until([&] { return end.is_closed; });
    EXPECT_EQ(end.got, "last words");
}

TEST_F(EpollTransport, SaysWhenItIsFullAndWhenItIsNot)
{
    noting end;
    const auto handle = add(end);
    const std::string piece(10'000, 'x');
    std::size_t sent = 0;
    while (net->send(handle, piece)) {
        sent += piece.size();
        turn();
        ASSERT_LT(sent, 10'000'000U);
    }
    sent += piece.size();
    EXPECT_GT(net->pending(handle), transport::high_water);
    EXPECT_EQ(end.writable, 0);
    std::size_t received = 0;
    turn_until([&] {
        received += receive(50'000).size();
        return received == sent;
    });
    EXPECT_EQ(end.writable, 1);
    EXPECT_EQ(net->pending(handle), 0U);
}

TEST_F(EpollTransport, AnEndpointMayRemoveItselfAndItsNeighbours)
{
    noting first;
    const auto one = add(first);
    const int first_theirs = theirs;
    noting second;
    const auto two = add(second);
    const auto remove_both = [&] {
        net->remove(one);
        net->remove(two);
    };
    first.on_got = remove_both;
    second.on_got = remove_both;
    write("b");
    ASSERT_EQ(::send(first_theirs, "a", 1, 0), 1);
    turn_until([&] { return first.deliveries + second.deliveries > 0; });
    turn();
    EXPECT_EQ(first.deliveries + second.deliveries, 1);
    EXPECT_TRUE(net->send(one, "nobody"));  // a handle of the past does nothing
    ::close(first_theirs);
}

TEST_F(EpollTransport, FinishSendsWhatIsLeft)
{
    noting end;
    const auto handle = add(end);
    const std::string all(2'000'000, 'x');
    net->send(handle, all);
    net->finish(handle, transport::patience::some);
    std::size_t received = 0;
    turn_until([&] {
        const auto got = receive(100'000);
        received += got.size();
        return received == all.size();
    });
    turn_until([&] {
        char byte = 0;
        return ::recv(theirs, &byte, 1, MSG_DONTWAIT) == 0;
    });
    EXPECT_FALSE(end.is_closed);  // it had left
}

TEST_F(EpollTransport, WakesFromAnotherThread)
{
    std::thread other([&] { net->wake(); });
    const auto begun = boot_clock::now();
    net->turn(begun + 10s);
    EXPECT_LT(boot_clock::now() - begun, 5s);
    other.join();
}

// A certificate for nobody, made on the spot.
struct tls_contexts
{
    tls_contexts() : key(EVP_EC_gen("P-256")), certificate(X509_new())
    {
        X509_set_pubkey(certificate, key);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_sign(certificate, key, EVP_sha256());
        SSL_CTX_use_certificate(server, certificate);
        SSL_CTX_use_PrivateKey(server, key);
    }
    ~tls_contexts()
    {
        X509_free(certificate);
        EVP_PKEY_free(key);
        SSL_CTX_free(server);
        SSL_CTX_free(client);
    }
    tls_contexts(const tls_contexts&) = delete;
    tls_contexts& operator=(const tls_contexts&) = delete;

    EVP_PKEY* key;
    X509* certificate;
    SSL_CTX* server = SSL_CTX_new(TLS_server_method());
    SSL_CTX* client = SSL_CTX_new(TLS_client_method());
};

TEST_F(EpollTransport, CarriesTlsBothWays)
{
    const tls_contexts contexts;
    const own_ends made;
    for (const int one : made.ends) ::fcntl(one, F_SETFL, 0);  // the peer blocks; ours, for the handshake
    tls_session ours(SSL_new(contexts.server));
    SSL_set_fd(ours.get(), made.ends[0]);
    const std::string sent(300'000, 'c');
    const std::string echoed(500'000, 's');
    auto peer = std::async(std::launch::async, [&] {
        const tls_session theirs_tls(SSL_new(contexts.client));
        SSL_set_fd(theirs_tls.get(), made.ends[1]);
        if (SSL_connect(theirs_tls.get()) != 1) return std::string();
        std::size_t at = 0;
        while (at < sent.size()) {  // in small records: many are read at once, and none is forgotten
            const auto piece = std::min<std::size_t>(sent.size() - at, 100);
            const int count = SSL_write(theirs_tls.get(), sent.data() + at, static_cast<int>(piece));
            if (count <= 0) return std::string();
            at += static_cast<std::size_t>(count);
        }
        std::string got;
        std::array<char, 5000> buffer{};
        while (got.size() < echoed.size()) {
            const int count = SSL_read(theirs_tls.get(), buffer.data(), static_cast<int>(buffer.size()));
            if (count <= 0) break;
            got.append(buffer.data(), static_cast<std::size_t>(count));
        }
        return got;
    });
    ASSERT_EQ(SSL_accept(ours.get()), 1);
    ::fcntl(made.ends[0], F_SETFL, O_NONBLOCK);
    noting end;
    const auto handle = net->add(connected_socket(made.ends[0], std::move(ours)), end);
    ASSERT_TRUE(handle.has_value());
    turn_until([&] { return end.got.size() == sent.size(); });
    EXPECT_EQ(end.got, sent);
    for (std::size_t at = 0; at < echoed.size(); at += 50'000) {
        net->send(*handle, std::string_view(echoed).substr(at, 50'000));
        net->send(*handle, "");  // nothing is nothing
    }
    turn_until([&] { return peer.wait_for(0ms) == std::future_status::ready; });
    EXPECT_EQ(peer.get(), echoed);
    ::close(made.ends[1]);
    turn_until([&] { return end.is_closed; });
}

TEST(ByteQueue, KeepsItsBytesInOrderOverManyBuffers)
{
    buffer_pool pool;
    byte_queue queue;
    std::string all;
    for (int i = 0; i < 5000; ++i) all += std::to_string(i) + " ";
    for (std::size_t at = 0; at < all.size(); at += 777)
        queue.append(pool, std::string_view(all).substr(at, 777));
    EXPECT_EQ(queue.size(), all.size());
    std::string seen;
    while (!queue.empty()) {
        const auto front = queue.front();
        const auto used = std::min<std::size_t>(front.size(), 1000);
        seen.append(front.substr(0, used));
        queue.consume(pool, used);
    }
    EXPECT_EQ(seen, all);
    EXPECT_EQ(queue.head(), nullptr);  // it holds no buffer while it is empty
}

TEST(ByteQueue, WidensItsFrontForAHeaderThatIsCut)
{
    buffer_pool pool;
    byte_queue queue;
    queue.append(pool, std::string(buffer::capacity, 'a'));
    queue.append(pool, "bcd");
    EXPECT_FALSE(queue.widen_front(pool));  // no room
    queue.consume(pool, buffer::capacity - 2);
    EXPECT_EQ(queue.front(), "aa");
    EXPECT_TRUE(queue.widen_front(pool));
    EXPECT_EQ(queue.front(), "aabcd");
    EXPECT_FALSE(queue.widen_front(pool));
    queue.append(pool, "e");
    EXPECT_EQ(queue.front(), "aabcde");
    queue.clear(pool);
    EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace leasehold::router
