#include "served_fleet.hpp"

#include "eventually.hpp"
#include "gateway_stage.hpp"
#include "test_license.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/base/lane_call.hpp>
#include <leasehold/control-plane/control_plane.hpp>
#include <leasehold/http/client.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <nlohmann/json.hpp>
#include <openssl/ssl.h>

#include <charconv>
#include <stdexcept>
#include <utility>

namespace leasehold::test {
namespace {

using nlohmann::json;

const std::string suffix = "db.example.com";
const std::string own_name = "agents.example.com";

// The control plane's API with the owner's key.
class owner
{
public:
    owner(const address& at, const std::filesystem::path& key_file)
        : client_(*http::origin::parse("http://" + at.to_string()), http::client_settings())
        , key_(load_secret_line(key_file))
    {}
    json call(http::method verb, const std::string& path, const json& body = nullptr)
    {
        http::request what(verb, "/api/v1" + path);
        what.fields.set("Authorization", "Bearer " + std::string(key_.reveal()));
        if (!body.is_null()) {
            what.fields.set("Content-Type", "application/json");
            what.body = body.dump();
        }
        const auto answer = leasehold::run(client_.send(std::move(what)));
        if (answer.status >= 300) throw std::runtime_error(path + ": " + answer.body);
        return json::parse(answer.body);
    }

private:
    http::client client_;
    secret<std::string> key_;
};

}  // namespace

std::string served_tenant::value(const std::string& sql) const
{
    auto where = the_stack().server(server).superuser_endpoint(database);
    where.search_path = "public, pg_temp";
    const auto rows = database::connect(where)->run_plain_rows(sql);
    return rows.empty() ? std::string() : rows.at(0)[0].value_or("");
}

served_fleet::served_fleet(const clock_source& clock)
    : way_to_registry(made.config().registry.hosts.front().port)
    , authority(folder.path(), "agents authority")
    , values(made.config())
    , keys(hmac_keys::make_file_content())
{
    values.registry.hosts = {{"127.0.0.1", way_to_registry.port(), {}}};
    values.multitenancy.domain_suffix = suffix;
    values.router.advertise = own_name;
    values.router.lanes = 2;
    values.limits.drain_timeout = std::chrono::seconds(1);
    values.agents.tls = authority.issue("agents", "DNS:*." + suffix + ",DNS:" + own_name);
    values.license.file = folder / "license.jws";
    store_file(values.license.file, make_license());
    provision();

    router::router_settings how;
    how.is_development = true;
    how.license_signers = test_license_keys();
    how.clock = &clock;
    running = std::make_unique<router::router>(verified_fleet(), values, keys, how);
    running->start();
    if (!running->wait_loaded(std::chrono::seconds(20))) throw std::runtime_error("the router is not loaded");
    gateway = std::make_unique<router::agents::gateway>(running->gateway(), values, keys, clock, meters);
    gateway->start();
    running->on_drain([this] {
        run_on(running->gateway().context(), gateway->drain(values.limits.drain_timeout));
    });
}

served_fleet::~served_fleet()
{
    if (running) running->drain();
}

void served_fleet::provision()
{
    control_plane::control_plane_settings how;
    how.development = true;
    how.router = values.router.listen.front();
    control_plane::control_plane plane(values, keys, how);
    plane.start();
    owner by(plane.bound(), values.control_plane.bootstrap.key_file);
    std::vector<std::string> begun;
    for (const auto& [slug, region] : {std::pair("acme", "eu"), std::pair("globex", "us")}) {
        const auto answer = by.call(http::method::post, "/tenants", {{"slug", slug}, {"region", region}});
        begun.push_back(answer.at("id").get<std::string>());
    }
    for (const auto& id : begun) {
        json seen;
        eventually(
            [&] {
                seen = by.call(http::method::get, "/operations/" + id);
                return seen["state"] == "succeeded" || seen["state"] == "failed";
            },
            std::chrono::seconds(90)
        );
        if (seen["state"] != "succeeded") throw std::runtime_error("no tenant was made: " + seen.dump());
    }
    plane.drain(std::chrono::seconds(2));
    acme = find("acme");
    globex = find("globex");
}

served_tenant served_fleet::find(const std::string& slug) const
{
    const auto row = made.rows(
                             "select t.id, s.name, p.database from public.registry_tenant t "
                             "join public.registry_placement p on p.tenant_id = t.id "
                             "join public.registry_server s on s.id = p.server_id where t.slug = '" +
                             slug + "'"
    )
                         .at(0);
    return {slug, row.get<tenant_id>("id"), row.get<std::string>("name"), row.get<std::string>("database")};
}

std::string served_fleet::make_token(const served_tenant& of, std::int64_t max_uses) const
{
    const auto token = make_staged_token(keys, of.id, max_uses);
    made.run(token.insert);
    return token.text;
}

std::string served_fleet::registry_value(const std::string& sql) const
{
    auto where = the_stack().server("registry").superuser_endpoint(values.registry.database);
    where.search_path = "public, pg_temp";
    const auto rows = database::connect(where)->run_plain_rows(sql);
    return rows.empty() ? std::string() : rows.at(0)[0].value_or("");
}

void served_fleet::wait_applied() const
{
    const bool is_applied = eventually([&] {
        return registry_value(
                   "select count(*) > 0 from registry_router where role = 'router' and applied_change >= "
                   "(select max(id) from registry_change)"
               ) == "t";
    });
    if (!is_applied) throw std::runtime_error("the router does not follow the registry");
}

tls_connection served_fleet::connect(const std::string& server_name) const
{
    return {gateway->bound().port, authority.ca_file(), server_name};
}

http::reply served_fleet::send(const http::incoming& what) const
{
    auto over = connect(what.server_name);
    over.write(to_bytes(what));
    return parse_reply(over.read_to_end());
}

std::string to_bytes(const http::incoming& what)
{
    auto bytes =
        std::string(http::to_text(what.verb)) + " " + what.target + " HTTP/1.1\r\nConnection: close\r\n";
    for (const auto& [name, value] : what.fields.all())
        bytes.append(name).append(": ").append(value).append("\r\n");
    return bytes.append("Content-Length: ")
        .append(std::to_string(what.body.size()))
        .append("\r\n\r\n")
        .append(what.body);
}

http::reply parse_reply(const std::string& bytes)
{
    http::reply out;
    const auto end_of_head = bytes.find("\r\n\r\n");
    if (end_of_head == std::string::npos || bytes.size() < 12) {
        throw std::runtime_error("no HTTP answer: " + bytes);
    }
    std::from_chars(bytes.data() + 9, bytes.data() + 12, out.status);
    for (auto at = bytes.find("\r\n") + 2; at < end_of_head;) {
        const auto end = bytes.find("\r\n", at);
        const auto colon = bytes.find(": ", at);
        out.fields.add(bytes.substr(at, colon - at), bytes.substr(colon + 2, end - colon - 2));
        at = end + 2;
    }
    out.body = bytes.substr(end_of_head + 4);
    return out;
}

struct tls_connection::impl
{
    asio::io_context loop{1};
    asio::ssl::context context{asio::ssl::context::tls_client};
    asio::ssl::stream<asio::ip::tcp::socket> secured{loop, context};
};

tls_connection::tls_connection(std::uint16_t port, const std::string& ca_file, const std::string& server_name)
    : impl_(std::make_unique<impl>())
{
    impl_->secured.set_verify_mode(asio::ssl::verify_peer);
    impl_->context.load_verify_file(ca_file);
    if (!server_name.empty()) {
        // SSL_set_tlsext_host_name is a macro with an old-style cast.
        auto name = server_name;
        SSL_ctrl(
            impl_->secured.native_handle(),
            SSL_CTRL_SET_TLSEXT_HOSTNAME,
            TLSEXT_NAMETYPE_host_name,
            name.data()
        );
    }
    impl_->secured.next_layer().connect({asio::ip::address_v4::loopback(), port});
    impl_->secured.handshake(asio::ssl::stream_base::client);
}

tls_connection::tls_connection(tls_connection&&) noexcept = default;
tls_connection::~tls_connection() = default;

void tls_connection::write(const std::string& bytes)
{
    boost::system::error_code ended;  // an answer may come before the last byte is wanted
    asio::write(impl_->secured, asio::buffer(bytes), ended);
}

std::string tls_connection::read_to_end()
{
    std::string answer;
    boost::system::error_code ended;
    asio::read(impl_->secured, asio::dynamic_buffer(answer), ended);
    return answer;
}

}  // namespace leasehold::test
