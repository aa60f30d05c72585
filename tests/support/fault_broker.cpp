#include "fault_broker.hpp"

#include <leasehold/base/task.hpp>
#include <leasehold/http/client.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace leasehold::test {
namespace {

using boost::asio::ip::tcp;
namespace ssl = boost::asio::ssl;

struct planned
{
    std::string part;
    fault what = fault::slow;
    int left = 0;
    std::chrono::milliseconds delay{};
};

struct incoming
{
    std::string verb;
    std::string target;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
};

http::method method_of(const std::string& text)
{
    for (const auto m :
         {http::method::get, http::method::post, http::method::put, http::method::del, http::method::list}) {
        if (http::to_text(m) == text) return m;
    }
    return http::method::other;
}

std::string answer_text(int status, const std::string& body, const std::string& type = "application/json")
{
    return "HTTP/1.1 " + std::to_string(status) + " Answer\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

template <class Stream>
std::optional<incoming> read_request(Stream& from, std::string& buffer)
{
    boost::system::error_code failed;
    const auto head = boost::asio::read_until(from, boost::asio::dynamic_buffer(buffer), "\r\n\r\n", failed);
    if (failed) return std::nullopt;
    incoming got;
    std::size_t at = 0;
    std::size_t length = 0;
    for (bool first = true; at < head; first = false) {
        const auto end = buffer.find("\r\n", at);
        const auto line = buffer.substr(at, end - at);
        at = end + 2;
        if (line.empty()) break;
        if (first) {
            const auto space = line.find(' ');
            got.verb = line.substr(0, space);
            got.target = line.substr(space + 1, line.rfind(' ') - space - 1);
            continue;
        }
        const auto colon = line.find(':');
        auto name = line.substr(0, colon);
        auto value = line.substr(std::min(line.size(), line.find_first_not_of(' ', colon + 1)));
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
            return std::tolower(c);
        });
        if (name == "content-length") length = std::stoul(value);
        got.fields.emplace_back(std::move(name), std::move(value));
    }
    if (buffer.size() < head + length) {
        boost::asio::read(
            from,
            boost::asio::dynamic_buffer(buffer),
            boost::asio::transfer_exactly(head + length - buffer.size()),
            failed
        );
        if (failed) return std::nullopt;
    }
    got.body = buffer.substr(head, length);
    buffer.erase(0, head + length);
    return got;
}

}  // namespace

struct fault_broker::impl
{
    std::string upstream;
    std::filesystem::path ca_file;
    boost::asio::io_context context;
    tcp::acceptor acceptor{context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
    std::shared_ptr<ssl::context> tls;
    mutable std::mutex mutex;
    std::vector<planned> plans;
    std::map<std::string, std::string> others;
    std::vector<std::string> log;
    bool token_is_dead = false;
    std::list<tcp::socket*> open;
    std::atomic<bool> stopping = false;
    std::vector<std::thread> threads;
    std::thread accepting;

    // What is planned for this request; counts it down.
    std::optional<planned> take(const incoming& got)
    {
        const std::lock_guard lock(mutex);
        const auto text = got.verb + " " + got.target;
        log.push_back(text);
        if (text.find("/login") != std::string::npos) token_is_dead = false;
        if (token_is_dead && text.find("sys/health") == std::string::npos) {
            planned dead;
            dead.what = fault::token_dead;
            return dead;
        }
        for (auto& one : plans) {
            if (one.left == 0 || text.find(one.part) == std::string::npos) continue;
            --one.left;
            if (one.what == fault::token_dead) token_is_dead = true;
            return one;
        }
        return std::nullopt;
    }

    http::answer forward(const incoming& got, const std::string& target)
    {
        http::client_settings settings;
        settings.ca_file = ca_file.string();
        settings.call_timeout = std::chrono::seconds(60);
        http::client client(*http::origin::parse(upstream), settings);
        http::request request(method_of(got.verb), target);
        for (const auto& [name, value] : got.fields) {
            if (name.starts_with("x-vault") || name == "content-type") request.fields.set(name, value);
        }
        request.body = got.body;
        request.answer_limit = 8U << 20U;
        return run(client.send(std::move(request)));
    }

    // False: the connection is to be closed.
    template <class Stream>
    bool serve(Stream& to, const incoming& got)
    {
        const auto planned = take(got);
        const auto send = [&](const std::string& text) {
            boost::system::error_code failed;
            boost::asio::write(to, boost::asio::buffer(text), failed);
            return !failed;
        };
        auto target = got.target;
        if (planned) {
            switch (planned->what) {
            case fault::token_dead:
            case fault::denied:
                return send(answer_text(403, R"j({"errors":["permission denied"]})j"));
            case fault::html:
                return send(answer_text(200, "<html>Welcome</html>", "text/html"));
            case fault::lease_gone:
                return send(answer_text(400, R"j({"errors":["lease not found"]})j"));
            case fault::unavailable:
                return send(answer_text(502, "<html>bad gateway</html>", "text/html"));
            case fault::slow:
                pause(planned->delay);
                break;
            case fault::wrong_tenant: {
                const std::lock_guard lock(mutex);
                for (const auto& [role, other] : others) {
                    const auto at = target.find(role);
                    if (at != std::string::npos) target.replace(at, role.size(), other);
                }
                break;
            }
            default:
                break;
            }
        }
        http::answer answer;
        try {
            answer = forward(got, target);
        } catch (const std::exception&) {
            return false;
        }
        if (planned && planned->what == fault::lost_answer) return false;
        auto body = answer.body;
        if (planned && planned->what == fault::no_lease_id) {
            auto parsed = nlohmann::json::parse(body);
            parsed.erase("lease_id");
            body = parsed.dump();
        }
        auto text = answer.status == 204 ? std::string("HTTP/1.1 204 No Content\r\n\r\n")
                                         : answer_text(answer.status, body);
        if (planned && planned->what == fault::truncate) {
            send(text.substr(0, text.size() - body.size() / 2));
            return false;
        }
        return send(text);
    }

    // Slow on purpose, but not longer than the test.
    void pause(std::chrono::milliseconds delay)
    {
        std::unique_lock lock(mutex);
        woken.wait_for(lock, delay, [&] { return stopping.load(); });
    }
    std::condition_variable woken;

    template <class Stream>
    void talk(Stream& with)
    {
        std::string buffer;
        while (!stopping) {
            const auto got = read_request(with, buffer);
            if (!got || !serve(with, *got)) return;
        }
    }

    void connection(tcp::socket socket)
    {
        std::list<tcp::socket*>::iterator mine;
        std::shared_ptr<ssl::context> with;
        {
            const std::lock_guard lock(mutex);
            mine = open.insert(open.end(), &socket);
            with = tls;
        }
        boost::system::error_code ignored;
        if (with) {
            ssl::stream<tcp::socket&> stream(socket, *with);
            stream.handshake(ssl::stream_base::server, ignored);
            if (!ignored) talk(stream);
        } else {
            talk(socket);
        }
        const std::lock_guard lock(mutex);
        open.erase(mine);
        socket.shutdown(tcp::socket::shutdown_both, ignored);
    }

    void accept_all()
    {
        while (!stopping) {
            tcp::socket socket(context);
            boost::system::error_code failed;
            acceptor.accept(socket, failed);
            if (stopping) return;
            if (failed) continue;
            threads.emplace_back([this, s = std::move(socket)]() mutable { connection(std::move(s)); });
        }
    }

    void cut()
    {
        const std::lock_guard lock(mutex);
        boost::system::error_code ignored;
        for (auto* socket : open) socket->shutdown(tcp::socket::shutdown_both, ignored);
    }
};

fault_broker::fault_broker(
    std::string upstream, std::filesystem::path ca_file, std::filesystem::path cert, std::filesystem::path key
)
    : impl_(std::make_shared<impl>())
{
    impl_->upstream = std::move(upstream);
    impl_->ca_file = std::move(ca_file);
    if (!cert.empty()) use_certificate(cert, key);
    impl_->accepting = std::thread([this] { impl_->accept_all(); });
}

fault_broker::~fault_broker()
{
    impl_->stopping = true;
    impl_->woken.notify_all();
    boost::system::error_code ignored;
    // A blocking accept is ended by a connection, not by closing under it.
    boost::asio::io_context own;
    tcp::socket last(own);
    last.connect(impl_->acceptor.local_endpoint(), ignored);
    impl_->accepting.join();
    impl_->cut();
    for (auto& one : impl_->threads) one.join();
}

std::uint16_t fault_broker::port() const noexcept
{
    return impl_->acceptor.local_endpoint().port();
}

std::string fault_broker::url() const
{
    return std::string(impl_->tls ? "https" : "http") + "://127.0.0.1:" + std::to_string(port());
}

void fault_broker::plan(std::string path_part, fault what, int times, std::chrono::milliseconds delay)
{
    const std::lock_guard lock(impl_->mutex);
    planned one;
    one.part = std::move(path_part);
    one.what = what;
    one.left = times;
    one.delay = delay;
    impl_->plans.push_back(std::move(one));
}

void fault_broker::instead_of(std::string role, std::string other)
{
    const std::lock_guard lock(impl_->mutex);
    impl_->others[std::move(role)] = std::move(other);
}

void fault_broker::clear()
{
    const std::lock_guard lock(impl_->mutex);
    impl_->plans.clear();
    impl_->token_is_dead = false;
}

void fault_broker::use_certificate(const std::filesystem::path& cert, const std::filesystem::path& key)
{
    auto made = std::make_shared<ssl::context>(ssl::context::tls_server);
    made->use_certificate_chain_file(cert.string());
    made->use_private_key_file(key.string(), ssl::context::pem);
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->tls = std::move(made);
    }
    impl_->cut();
}

int fault_broker::seen(const std::string& part) const
{
    const std::lock_guard lock(impl_->mutex);
    return static_cast<int>(std::count_if(impl_->log.begin(), impl_->log.end(), [&](const std::string& line) {
        return line.find(part) != std::string::npos;
    }));
}

}  // namespace leasehold::test
