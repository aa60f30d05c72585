#include "front/login.hpp"

#include <sys/socket.h>

namespace leasehold::router {
namespace {

constexpr int tls_record = 0x16;

// Anything that was sent after SSLRequest and before our answer could be an injection.
bool has_bytes_waiting(int descriptor) noexcept
{
    char first = 0;
    return ::recv(descriptor, &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

}  // namespace

task<bool> login::negotiate()
{
    const int first = co_await socket_.peek();  // one more than the byte
    if (first == 0) co_return false;
    place_.has_spoken();
    if (first == tls_record + 1) {
        if (!tls_) co_return false;
        const bool is_secret = co_await begin_tls(true);
        if (!is_secret) co_return false;
    }
    std::size_t done = 0;  // of first_bytes_
    for (;;) {
        const auto packet = parser_.next(std::string_view(first_bytes_).substr(done));
        if (const auto* more = std::get_if<wire::need_more>(&packet)) {
            const auto missing = more->total - (first_bytes_.size() - done);
            const bool is_more = co_await socket_.read_more(first_bytes_, missing);  // never past the packet
            if (!is_more) co_return false;
            continue;
        }
        done += parser_.consumed();
        if (std::holds_alternative<wire::probe>(packet)) {
            world_.into
                .make_counter("leasehold_router_probes_total", "Connections that did not speak PostgreSQL.")
                .add();
            co_return false;
        }
        if (const auto* request = std::get_if<wire::cancel_request>(&packet)) {
            cancel(*request);
            co_return false;
        }
        if (const auto* bad = std::get_if<wire::violation>(&packet))
            throw login_refused(bad->code, bad->reason);
        if (const auto* message = std::get_if<wire::startup_message>(&packet)) {
            startup_ = *message;
            co_return true;
        }
        if (std::holds_alternative<wire::ssl_request>(packet) && tls_) {
            const bool is_secret = co_await begin_tls(false);
            if (!is_secret) co_return false;
            continue;
        }
        const bool is_told = co_await socket_.write_all("N");  // GSSENCRequest, or no TLS here
        if (!is_told) co_return false;
    }
}

task<bool> login::begin_tls(bool is_direct)
{
    if (!is_direct) {
        if (has_bytes_waiting(socket_.descriptor())) co_return false;
        const bool is_told = co_await socket_.write_all("S");
        if (!is_told) co_return false;
    }
    const bool is_done = co_await socket_.accept_tls(tls_->context());
    if (!is_done) co_return false;
    if (is_direct && alpn_of(socket_.tls()) != "postgresql") co_return false;
    parser_.tls_started();
    sni_ = sni_of(socket_.tls());
    co_return true;
}

void login::cancel(const wire::cancel_request& what)
{
    world_.relays.cancel(what.pid, std::string(what.key));
}

void login::read_startup()
{
    if (tls_ && socket_.tls() == nullptr && peer_.ss_family != AF_UNIX) {
        throw login_refused("tls_required", "clear text on a TLS listener");
    }
    auto read = read_session_settings(*startup_);
    if (const auto* bad = std::get_if<wire::violation>(&read)) throw login_refused(bad->code, bad->reason);
    settings_ = std::get<session_settings>(std::move(read));
    if (startup_->needs_negotiation()) {
        const auto unknown = startup_->protocol_extensions();
        writer_.negotiate_protocol_version(startup_->version(), unknown);  // goes out with the next message
    }
}

void login::find_names()
{
    if (world_.is_draining.load()) throw login_refused("router_draining");
    check_directory();
    directory_ = on_.current();
    presented_names names;
    names.sni = sni_;
    names.option = settings_.tenant_option;
    names.user = startup_->user();
    names.database = startup_->database();
    route_ = find_route(*directory_, names, on_.values().router.advertise);
}

void login::check_directory() const
{
    if (!on_.current()) throw login_refused("directory_loading");
    if (world_.feed.is_foreign.load())
        throw login_refused("directory_stale", "the registry is another installation's");
}

}  // namespace leasehold::router
