#include "relay_shim.hpp"

#include <leasehold/router/wire/message_writer.hpp>
#include <leasehold/router/wire/startup.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace leasehold::router::relay::test {
namespace {

constexpr std::uint32_t ssl_request = 80877103;
constexpr std::uint32_t gssenc_request = 80877104;
constexpr std::uint32_t cancel_request = 80877102;
constexpr std::array passed_settings{// as libpq writes them
                                     "application_name",
                                     "client_encoding",
                                     "datestyle",
                                     "timezone",
                                     "extra_float_digits"};

std::string read_exactly(const connected_socket& from, std::size_t count)
{
    std::string bytes(count, '\0');
    for (std::size_t have = 0; have < count;) {
        const auto got = from.tls() != nullptr
                             ? SSL_read(from.tls(), bytes.data() + have, static_cast<int>(count - have))
                             : ::recv(from.descriptor(), bytes.data() + have, count - have, 0);
        if (got <= 0) return {};
        have += static_cast<std::size_t>(got);
    }
    return bytes;
}

std::uint32_t number_at(std::string_view bytes, std::size_t at)
{
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8U | static_cast<std::uint8_t>(bytes[at + i]);
    return value;
}

}  // namespace

relay_shim::relay_shim(
    std::map<std::string, shim_tenant> tenants,
    std::uint8_t lanes,
    const std::string& cert_file,
    const std::string& key_file
)
    : tenants_(std::move(tenants))
    , tls_(nullptr, &SSL_CTX_free)
{
    if (!cert_file.empty()) {
        tls_.reset(SSL_CTX_new(TLS_server_method()));
        if (SSL_CTX_use_certificate_chain_file(tls_.get(), cert_file.c_str()) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls_.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
            throw std::runtime_error("the certificate of the shim cannot be read");
        }
    }
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(listener_, 256) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
        throw std::runtime_error("the shim cannot listen");
    }
    port_ = ntohs(at.sin_port);
    lane_settings settings;
    settings.router_name = "shim";
    settings.max_sessions = 2000;
    lanes_ = std::make_unique<lane_set>(lanes, settings, *this, *this);
    for (int i = 0; i < 4; ++i) workers_.emplace_back([this] { work_loop(); });
    acceptor_ = std::thread([this] { accept_loop(); });
}

relay_shim::~relay_shim()
{
    is_stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    lanes_->stop();
    changed_.notify_all();
    for (auto& one : workers_) one.join();
    queue_.clear();
}

std::string relay_shim::uri(const std::string& database, const std::string& sslmode) const
{
    return "postgresql://key@127.0.0.1:" + std::to_string(port_) + "/" + database + "?sslmode=" + sslmode +
           "&gssencmode=disable";
}

void relay_shim::set_lease(std::uint64_t number, boot_time ends_at)
{
    const std::lock_guard hold(mutex_);
    lease_ = number;
    lease_ends_at_ = ends_at;
}

std::uint64_t relay_shim::sum(tally counters::*of) const
{
    std::uint64_t total = 0;
    for (const auto& one : lanes_->lanes()) total += (one->read_counters().*of).get();
    return total;
}

const shim_tenant* relay_shim::find(const tenant_id& id) const
{
    const auto found =
        std::find_if(tenants_.begin(), tenants_.end(), [&](const auto& one) { return one.second.id == id; });
    return found == tenants_.end() ? nullptr : &found->second;
}

void relay_shim::request_server(server_promise answer)
{
    enqueue([this, answer = std::move(answer)]() mutable {
        try {
            auto server = log_in_to(find(answer.key().tenant)->login);
            {
                const std::lock_guard hold(mutex_);
                server.lease = {answer.key().tenant, 1, answer.key().role, lease_};
                server.lease_ends_at = lease_ends_at_;
            }
            ++logins_;
            answer.fulfil(std::move(server));
        } catch (const std::exception&) {
            answer.refuse(refusals::server_unavailable);
        }
    });
}

void relay_shim::server_closed(const pool_key& /*key*/, std::uint32_t /*server_index*/) noexcept {}

void relay_shim::send_cancel(
    std::shared_ptr<const server_address> where,
    wire::server_pid pid,
    const wire::server_key& key,
    cancel_promise answer
)
{
    enqueue([this, where = std::move(where), pid, key, answer = std::move(answer)]() mutable {
        const auto port = ntohs(reinterpret_cast<const sockaddr_in&>(where->peer).sin_port);
        for (const auto& [name, tenant] : tenants_) {
            if (tenant.login.port != port) continue;
            try {
                cancel_at(tenant.login, pid, key);
            } catch (const std::exception&) {  // it counts as answered
            }
            break;
        }
        answer.done();
    });
}

void relay_shim::enqueue(work what)
{
    const std::lock_guard hold(mutex_);
    queue_.push_back(std::move(what));
    changed_.notify_one();
}

void relay_shim::work_loop()
{
    while (true) {
        std::unique_lock hold(mutex_);
        changed_.wait_for(hold, std::chrono::milliseconds(100), [&] {
            return is_stopping_ || !queue_.empty();
        });
        if (is_stopping_) return;
        if (queue_.empty()) continue;
        auto next = std::move(queue_.front());
        queue_.pop_front();
        hold.unlock();
        next();
    }
}

void relay_shim::accept_loop()
{
    while (!is_stopping_) {
        const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (descriptor < 0) continue;
        const int on = 1;
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        enqueue([this, descriptor] { admit_one(descriptor); });
    }
}

void relay_shim::admit_one(int descriptor)
{
    connected_socket socket(descriptor);
    while (true) {
        const auto head = read_exactly(socket, 8);
        if (head.empty()) return;
        const auto length = number_at(head, 0);
        const auto code = number_at(head, 4);
        if (length < 8 || length > 10'000) return;
        const auto rest = read_exactly(socket, length - 8);
        if (code == ssl_request && tls_ != nullptr) {
            if (::send(descriptor, "S", 1, MSG_NOSIGNAL) != 1) return;
            tls_session session(SSL_new(tls_.get()));
            SSL_set_fd(session.get(), descriptor);
            if (SSL_accept(session.get()) != 1) return;
            const int again = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
            SSL_set_fd(session.get(), again);
            socket = connected_socket(again, std::move(session));
            continue;
        }
        if (code == ssl_request || code == gssenc_request) {
            if (::send(socket.descriptor(), "N", 1, MSG_NOSIGNAL) != 1) return;
            continue;
        }
        if (code == cancel_request) {
            lanes_->cancel(number_at(rest, 0), rest.substr(4));
            return;
        }
        std::map<std::string, std::string> pairs;
        for (std::string_view left = rest; left.size() > 1;) {
            const std::string name(left.substr(0, left.find('\0')));
            left.remove_prefix(name.size() + 1);
            const std::string value(left.substr(0, left.find('\0')));
            left.remove_prefix(std::min(left.size(), value.size() + 1));
            pairs[name] = value;
        }
        const auto tenant = tenants_.find(pairs["database"]);
        if (tenant == tenants_.end()) return;
        admitted client;
        auto& on = lanes_->lane_of(tenant->second.id);
        auto reserved = on.reserve_slot({});
        auto* const slot = std::get_if<session_slot>(&reserved);
        if (slot == nullptr) return;
        client.cancel_key = wire::client_key::make().bytes();
        client.slot = std::move(*slot);
        client.pool.tenant = tenant->second.id;
        client.limits = tenant->second.limits;
        client.request_id = "shim";
        for (const char* const name : passed_settings) {
            if (const auto found = pairs.find(name); found != pairs.end())
                client.settings.emplace_back(*found);
        }
        wire::message_writer out;
        out.authentication_ok();
        const auto sent = socket.tls() != nullptr
                              ? SSL_write(socket.tls(), out.view().data(), static_cast<int>(out.size()))
                              : ::send(socket.descriptor(), out.view().data(), out.size(), MSG_NOSIGNAL);
        if (sent != static_cast<long>(out.size())) return;
        ::fcntl(socket.descriptor(), F_SETFL, O_NONBLOCK);
        client.socket = std::move(socket);
        on.admit(std::move(client));
        return;
    }
}

}  // namespace leasehold::router::relay::test
