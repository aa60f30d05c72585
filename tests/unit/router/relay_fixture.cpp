#include "relay_fixture.hpp"

#include <leasehold/router/wire/message.hpp>
#include <leasehold/router/wire/message_reader.hpp>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <future>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace leasehold::router::relay::test {

peer& peer::operator=(peer&& other) noexcept
{
    if (this != &other) {
        close();
        descriptor_ = std::exchange(other.descriptor_, -1);
        bytes_ = std::move(other.bytes_);
    }
    return *this;
}

void peer::close()
{
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void peer::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            pollfd waits{descriptor_, POLLOUT, 0};
            ASSERT_EQ(::poll(&waits, 1, static_cast<int>(patience.count())), 1) << "nobody reads";
            continue;
        }
        ASSERT_GT(sent, 0);
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::size_t peer::send_some(std::string_view bytes)
{
    const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

bool peer::fill()
{
    pollfd waits{descriptor_, POLLIN, 0};
    if (::poll(&waits, 1, static_cast<int>(patience.count())) != 1) {
        ADD_FAILURE() << "nothing came in time";
        return false;
    }
    std::array<char, 65536> buffer;
    const auto count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (count <= 0) return false;
    bytes_.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
}

std::optional<peer::message> peer::next()
{
    while (true) {
        const auto frame = wire::scan_message(bytes_);
        if (frame.is_complete()) {
            message found{frame.type, std::string(frame.body)};
            bytes_.erase(0, frame.size());
            return found;
        }
        if (!fill()) return std::nullopt;
    }
}

std::string peer::types(std::size_t count)
{
    std::string found;
    for (; count > 0; --count) {
        const auto one = next();
        if (!one) return found + "$";
        found += one->type;
    }
    return found;
}

std::string peer::until_ready()
{
    std::string found;
    while (true) {
        const auto one = next();
        if (!one) return found + "$";
        found += one->type;
        if (one->type == 'Z') return found + one->body;
    }
}

bool peer::is_silent()
{
    if (!bytes_.empty()) return false;
    char byte = 0;
    const auto count = ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && errno == EAGAIN;
}

bool peer::is_closed()
{
    const auto left = next();
    return !left.has_value();
}

std::pair<connected_socket, peer> make_pair_of_sockets()
{
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::bad_alloc();
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return {connected_socket(ends[0]), peer(ends[1])};
}

void scripted_ports::request_server(server_promise answer)
{
    const std::lock_guard hold(mutex_);
    requests_.push_back(std::move(answer));
    changed_.notify_all();
}

void scripted_ports::server_closed(const pool_key& /*key*/, std::uint32_t /*server_index*/) noexcept
{
    const std::lock_guard hold(mutex_);
    ++closed_;
    changed_.notify_all();
}

void scripted_ports::send_cancel(
    std::shared_ptr<const server_address> /*where*/,
    wire::server_pid pid,
    const wire::server_key& key,
    cancel_promise answer
)
{
    const std::lock_guard hold(mutex_);
    cancels_.push_back({pid, key.bytes(), std::move(answer)});
    changed_.notify_all();
}

std::optional<server_promise> scripted_ports::next_request(std::chrono::milliseconds wait)
{
    std::unique_lock hold(mutex_);
    if (!changed_.wait_for(hold, wait, [&] { return !requests_.empty(); })) return std::nullopt;
    std::optional<server_promise> found(std::move(requests_.front()));
    requests_.pop_front();
    return found;
}

std::optional<scripted_ports::cancel_request> scripted_ports::next_cancel(std::chrono::milliseconds wait)
{
    std::unique_lock hold(mutex_);
    if (!changed_.wait_for(hold, wait, [&] { return !cancels_.empty(); })) return std::nullopt;
    std::optional<cancel_request> found(std::move(cancels_.front()));
    cancels_.pop_front();
    return found;
}

bool scripted_ports::wait_for_closed(std::size_t count)
{
    std::unique_lock hold(mutex_);
    return changed_.wait_for(hold, patience, [&] { return closed_ >= count; });
}

std::size_t scripted_ports::closed_count()
{
    const std::lock_guard hold(mutex_);
    return closed_;
}

wire::message_writer messages()
{
    return {};
}

std::string query(std::string_view sql)
{
    wire::message_writer out;
    out.query(sql);
    return out.take();
}

std::string simple_reply(std::string_view tag, char status)
{
    wire::message_writer out;
    out.command_complete(tag).ready_for_query(status);
    return out.take();
}

std::string ready(char status)
{
    wire::message_writer out;
    out.ready_for_query(status);
    return out.take();
}

std::string error_only(std::string_view sqlstate, std::string_view severity)
{
    const std::array fields{
        wire::error_field{'S', severity},
        wire::error_field{'V', severity},
        wire::error_field{'C', sqlstate},
        wire::error_field{'M', "it failed"},
    };
    wire::message_writer out;
    out.error_response(fields);
    return out.take();
}

std::string error_reply(std::string_view sqlstate, char status, std::string_view severity)
{
    return error_only(sqlstate, severity) + ready(status);
}

std::string_view sqlstate_of(const peer::message& error)
{
    return field_of(error, 'C');
}

std::string_view field_of(const peer::message& error, char type)
{
    return error.type == 'E' ? wire::error_fields(error.body).find(type).value_or("") : std::string_view{};
}

relay_test::relay_test()
{
    lane_settings settings;
    settings.router_number = 7;
    settings.index = 3;
    settings.max_sessions = 100;
    settings.router_name = "r7";
    on = std::make_unique<lane>(settings, ports, ports);
}

relay_test::~relay_test()
{
    on->stop();
}

relay_test::client_options relay_test::of(const tenant_id& tenant) const
{
    client_options options;
    options.tenant = tenant;
    options.limits.max_servers = 4;
    return options;
}

relay_test::joined_client relay_test::connect(client_options options)
{
    auto [socket, talk] = make_pair_of_sockets();
    auto reserved = on->reserve_slot({});
    auto& slot = std::get<session_slot>(reserved);
    admitted who;
    who.socket = std::move(socket);
    const auto pid = slot.client_pid();
    who.slot = std::move(slot);
    who.cancel_key = "k" + std::to_string(100 + pid % 100);
    who.pool = {options.tenant, role_class::rw, options.from};
    who.limits = options.limits;
    who.who = options.who;
    who.settings = options.settings;
    who.session_mode = options.session_mode;
    who.ends_at = options.ends_at;
    who.early = options.early;
    who.request_id = "req-1";
    joined_client made{std::move(talk), pid, who.cancel_key};
    on->admit(std::move(who));
    return made;
}

relay_test::joined_client relay_test::join(client_options options)
{
    auto made = connect(std::move(options));
    EXPECT_EQ(made.talk.until_ready(), "SSKZI");
    return made;
}

peer relay_test::log_in(std::uint64_t lease, boot_time ends_at)
{
    auto request = ports.next_request();
    auto [socket, talk] = make_pair_of_sockets();
    if (!request) {
        ADD_FAILURE() << "no server was asked for";
        return std::move(talk);
    }
    verified_server server;
    server.socket = std::move(socket);
    server.pid = {next_server_pid_++};
    server.key = wire::server_key::parse("skey");
    server.parameters = std::make_shared<const parameter_set>(parameter_set{
        {"server_version", "15.18"}, {"TimeZone", "UTC"}});
    server.lease = {request->key().tenant, 1, request->key().role, lease};
    server.lease_ends_at = ends_at;
    request->fulfil(std::move(server));
    return std::move(talk);
}

std::pair<relay_test::joined_client, peer> relay_test::join_first(client_options options)
{
    auto made = connect(std::move(options));
    auto server = log_in();
    EXPECT_EQ(made.talk.until_ready(), "SSKZI");
    return {std::move(made), std::move(server)};
}

void relay_test::settle()
{
    for (int i = 0; i < 3; ++i) {
        std::promise<void> passed;
        auto done = passed.get_future();
        on->post([&passed] { passed.set_value(); });
        ASSERT_EQ(done.wait_for(patience), std::future_status::ready);
    }
}

}  // namespace leasehold::router::relay::test
