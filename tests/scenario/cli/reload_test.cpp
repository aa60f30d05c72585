// SIGHUP, and what a running process makes of it.
#include "configured.hpp"
#include "eventually.hpp"
#include "installation.hpp"
#include "scratch_broker.hpp"
#include "test_authority.hpp"
#include "test_license.hpp"

#include <leasehold/base/credential.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/http/client.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <functional>
#include <netinet/in.h>
#include <poll.h>
#include <sstream>
#include <sys/socket.h>
#include <unistd.h>

namespace leasehold::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

// The log's lines with this event, in their order.
std::vector<json> events(const program& of, const std::string& event)
{
    std::vector<json> found;
    std::istringstream lines(of.err());
    for (std::string line; std::getline(lines, line);) {
        auto one = json::parse(line, nullptr, false);
        if (one.is_object() && one.value("event", "") == event) found.push_back(std::move(one));
    }
    return found;
}

std::string metric(const configured& of, const std::string& name)
{
    http::client client(
        *http::origin::parse("http://" + of.values.metrics.listen.to_string()), http::client_settings()
    );
    const auto answer =
        run(client.send(http::request(http::method::get, "/metrics"), std::chrono::seconds(10)));
    const auto begin = answer.body.find("\n" + name + " ");
    if (begin == std::string::npos) return {};
    const auto value = begin + name.size() + 2;
    return answer.body.substr(value, answer.body.find('\n', value) - value);
}

// Connects to the router and says nothing.
class silent_client
{
public:
    explicit silent_client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(port);
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
            ADD_FAILURE() << "the router does not listen";
    }
    ~silent_client() { ::close(socket_); }
    silent_client(const silent_client&) = delete;
    silent_client& operator=(const silent_client&) = delete;
    [[nodiscard]] bool is_closed_within(std::chrono::milliseconds limit) const
    {
        pollfd one{socket_, POLLIN, 0};
        char byte = 0;
        return ::poll(&one, 1, static_cast<int>(limit.count())) == 1 && ::recv(socket_, &byte, 1, 0) <= 0;
    }

private:
    int socket_;
};

class Reload : public testing::Test
{
protected:
    // SIGHUP, and the one line that it ends with.
    json reload(const std::string& event)
    {
        const auto before = events(*serving_, event).size();
        serving_->signal(SIGHUP);
        EXPECT_TRUE(eventually([&] { return events(*serving_, event).size() > before; })) << serving_->err();
        return events(*serving_, event).back();
    }

    // GET; its answer as the owner of the installation sees it.
    json ask(const std::string& path) const
    {
        http::client client(*http::origin::parse(here_.api()), http::client_settings());
        http::request request(http::method::get, path);
        const auto key = load_secret_line(here_.values.control_plane.bootstrap.key_file);
        request.fields.set("Authorization", "Bearer " + std::string(key.reveal()));
        return json::parse(run(client.send(std::move(request), std::chrono::seconds(10))).body);
    }
    // Tenants acme and globex, each with a key that its applications use: their texts.
    std::pair<std::string, std::string> make_tenants() const
    {
        const auto make = [&](const std::string& slug, const std::string& region) {
            const auto file = here_ / (slug + ".key");
            const auto made = here_.call({"tenant", "create", slug, "--region", region});
            EXPECT_EQ(made.exit_code, 0) << made.err;
            const auto key = here_.call(
                {"key", "create", "app", "--tenant", slug, "--role", "write", "--out", file.string()}
            );
            EXPECT_EQ(key.exit_code, 0) << key.err;
            return std::string(load_secret_line(file).reveal());
        };
        auto acme = make("acme", "eu");
        return {std::move(acme), make("globex", "us")};
    }

    const installation made_;
    configured here_{made_.config()};
    std::unique_ptr<program> serving_;
};

TEST_F(Reload, C3_LimitsLevelAndLicenseAreTakenAtOnce)
{
    here_.values.limits.tenant.max_keys = 1;
    here_.save();
    serving_ = here_.serve();
    for (const std::string slug : {"acme", "globex"}) {
        ASSERT_EQ(
            here_.call({"tenant", "create", slug, "--region", slug == "acme" ? "eu" : "us"}).exit_code, 0
        );
        ASSERT_EQ(
            here_
                .call({"key", "create", "one", "--tenant", slug, "--out", (here_ / (slug + ".one")).string()})
                .exit_code,
            0
        );
    }
    const auto second_key = [&](const std::string& slug) {
        return here_.call(
            {"key", "create", "two", "--tenant", slug, "--out", (here_ / (slug + ".two")).string()}
        );
    };
    const auto license_end = [&] {
        return ask("/api/v1/license").at("claims").at("ends_at").get<std::string>();
    };
    const auto full = second_key("acme");
    EXPECT_NE(full.exit_code, 0);
    EXPECT_NE(full.err.find("tenant_limit_reached"), std::string::npos) << full.err;
    const auto license_before = license_end();

    here_.values.limits.tenant.max_keys = 2;
    here_.values.multitenancy.reserved_slugs = {"umbrella"};
    here_.values.log.level = "debug";
    here_.values.router.lanes = 3;
    here_.values.license.file = here_ / "another.jws";
    here_.save();
    store_file(here_.values.license.file, make_license(std::chrono::system_clock::now(), 500) + "\n");
    const auto line = reload("config.reloaded");
    for (const auto* key :
         {"limits.tenant.max_keys", "multitenancy.reserved_slugs", "log.level", "license.file"})
        EXPECT_NE(line.value("applied", "").find(key), std::string::npos) << line.dump();
    EXPECT_EQ(line.value("restart_needed", ""), "router.lanes");

    const auto made = second_key("acme");
    EXPECT_EQ(made.exit_code, 0) << made.err;
    const auto reserved = here_.call({"tenant", "create", "umbrella"});
    EXPECT_NE(reserved.err.find("name_reserved"), std::string::npos) << reserved.err;
    EXPECT_TRUE(eventually([&] { return license_end() != license_before; })) << license_before;
}

TEST_F(Reload, C3_ABrokenFileChangesNothingAndIsToldSo)
{
    here_.values.limits.tenant.max_tokens = 1;
    here_.save();
    serving_ = here_.serve();
    ASSERT_EQ(here_.call({"tenant", "create", "acme", "--region", "eu"}).exit_code, 0);
    ASSERT_EQ(here_.call({"tenant", "create", "globex", "--region", "us"}).exit_code, 0);
    const auto token = [&](const std::string& name) {
        return here_.call({"token", "create", name, "--tenant", "acme", "--out", (here_ / name).string()});
    };
    ASSERT_EQ(token("one").exit_code, 0);

    here_.values.limits.tenant.max_tokens = 5;
    here_.save();
    const auto good = load_file(here_.file());
    store_file(here_.file(), good + "routers: { lanes: 1 }\n");
    const auto told = reload("config.reload_failed");
    EXPECT_NE(told.value("error", "").find("routers"), std::string::npos) << told.dump();
    EXPECT_EQ(metric(here_, "leasehold_config_reload_failed"), "1");
    EXPECT_NE(token("two").err.find("tenant_limit_reached"), std::string::npos);

    // Each key is right, one file is not: nothing is taken either.
    store_file(here_.file(), good);
    const auto keys = load_secret_file(here_.values.security.hmac_key_file).clone();
    store_file(here_.values.security.hmac_key_file, std::string(hmac_keys::make_file_content().reveal()));
    EXPECT_NE(reload("config.reload_failed").value("error", "").find("not the key"), std::string::npos);
    EXPECT_NE(token("two").err.find("tenant_limit_reached"), std::string::npos);
    const auto status = ask("/api/v1/status").at("reload");
    EXPECT_NE(status.value("refused", "").find("not the key"), std::string::npos) << status.dump();
    EXPECT_TRUE(status.at("applied").empty()) << status.dump();
    store_file(here_.values.security.hmac_key_file, std::string(keys.reveal()));

    store_file(here_.file(), good);
    reload("config.reloaded");
    EXPECT_EQ(metric(here_, "leasehold_config_reload_failed"), "0");
    const auto two = token("two");
    EXPECT_EQ(two.exit_code, 0) << two.err;
}

// A new certificate for one listener and a useless one for another: neither is taken.
TEST_F(Reload, C3_CertificatesAreTakenTogetherOrNotAtAll)
{
    const scratch_folder files;
    for (const auto* folder : {"before", "after"}) std::filesystem::create_directory(files / folder);
    test_authority before(files / "before", "before");
    test_authority after(files / "after", "after");
    const std::string names = "DNS:localhost,IP:127.0.0.1";
    const auto put = [&](const std::string& name, const tls_files& certificate, const tls_files& key) {
        store_file(files / (name + ".crt"), load_file(certificate.cert_file));
        store_file(files / (name + ".key"), load_file(key.key_file));
        return tls_files{files / (name + ".crt"), files / (name + ".key")};
    };
    const auto first = before.issue("first", names);
    here_.values.control_plane.tls = put("api", first, first);
    here_.values.control_plane.public_url = "https://" + here_.values.control_plane.listen.to_string();
    here_.values.agents.tls = put("agents", first, first);
    here_.save();
    serving_ = here_.serve();
    const auto trusts = [&](const test_authority& who) {
        return here_.call({"whoami", "--ca", who.ca_file()}).exit_code == 0;
    };
    EXPECT_TRUE(trusts(before));

    const auto second = after.issue("second", names);
    put("api", second, second);
    put("agents", second, first);
    const auto told = reload("config.reload_failed");
    EXPECT_NE(told.value("error", "").find("tls_files_unusable"), std::string::npos) << told.dump();
    EXPECT_TRUE(trusts(before));
    EXPECT_FALSE(trusts(after));
    const auto checked = here_.local({"config", "check"});
    EXPECT_EQ(checked.exit_code, 78);
    EXPECT_NE(checked.err.find("agents.tls"), std::string::npos) << checked.err;

    put("agents", second, second);
    reload("config.reloaded");
    EXPECT_TRUE(trusts(after));
    EXPECT_FALSE(trusts(before));
}

TEST_F(Reload, C3_TheRoutersLimitsHoldAtOnceAndAnOldSessionGoesOn)
{
    auto& router = here_.values.router;
    router.lanes = 1;
    router.pool.max_per_tenant = 1;
    router.pool.checkout_timeout = 300ms;
    router.clients.max = 3;
    router.clients.login_timeout = 10min;
    here_.save();
    serving_ = here_.serve();
    const auto [acme, globex] = make_tenants();
    const auto error_of = [](const std::function<void()>& work) -> std::string {
        try {
            work();
        } catch (const database::sql_error& why) {
            return why.sqlstate() + " " + why.what();
        }
        return "";
    };
    const auto first = database::connect(here_.client("acme", acme));
    const auto second = database::connect(here_.client("acme", acme));
    const auto theirs = database::connect(here_.client("globex", globex));
    const auto log_in = [&] { database::connect(here_.client("acme", acme)); };
    const auto ask_second = [&] { second->run_plain_rows("select 1"); };
    EXPECT_NE(error_of(log_in).find("client_limit"), std::string::npos);
    first->run_plain("begin");
    EXPECT_EQ(error_of(ask_second).substr(0, 5), "53300") << "the one server is taken";
    const silent_client patient(router.listen.front().port);

    router.pool.max_per_tenant = 2;
    router.clients.max = 4;
    router.clients.login_timeout = 500ms;
    here_.values.registry.pool.threads += 1;
    here_.values.metrics.token_file = here_ / "metrics-token";
    create_secret_file(here_.values.metrics.token_file, "only those who know\n");
    here_.save();
    EXPECT_NE(metric(here_, "leasehold_registry_queue_depth"), "");
    EXPECT_EQ(reload("config.reloaded").value("restart_needed", ""), "registry.pool.threads");
    const auto status = ask("/api/v1/status").at("reload");
    const json names{
        "router.pool.max_per_tenant",
        "router.clients.max",
        "router.clients.login_timeout",
        "metrics.token_file"};
    EXPECT_EQ(status.at("applied"), names);
    EXPECT_EQ(status.at("restart_needed"), json::array({"registry.pool.threads"}));
    EXPECT_TRUE(status.at("refused").is_null()) << status.dump();

    EXPECT_EQ(error_of(ask_second), "") << "of before, and its pool may have two";
    const auto fourth = database::connect(here_.client("acme", acme));
    EXPECT_NE(error_of(log_in).find("client_limit"), std::string::npos);
    EXPECT_TRUE(silent_client(router.listen.front().port).is_closed_within(60s));
    EXPECT_FALSE(patient.is_closed_within(0s)) << "it was given ten minutes";
    first->run_plain("commit");
    EXPECT_EQ(error_of([&] { theirs->run_plain_rows("select 1"); }), "");
    EXPECT_EQ(metric(here_, "leasehold_registry_queue_depth"), "") << "needs the token now";

    router.clients.max = 1;
    here_.save();
    reload("config.reloaded");
    EXPECT_EQ(error_of([&] { first->run_plain_rows("select 1"); }), "") << "who is there stays";
    EXPECT_NE(error_of(log_in).find("client_limit"), std::string::npos);
}

// 09 section 1: the key before stands on the second line while it is replaced.
TEST_F(Reload, C3_TheHmacKeyIsReplacedByTwoLines)
{
    serving_ = here_.serve();
    const auto [acme, globex] = make_tenants();
    const auto file = here_.values.security.hmac_key_file;
    const auto store = [&](const std::string& lines) {
        store_file(file, lines);
        const auto line = reload("config.reloaded");
        EXPECT_EQ(line.value("applied", ""), "security.hmac_key_file");
    };
    const auto number_of = [](const std::string& line) {
        return hmac_keys(secret<std::string>(line)).fingerprints().at(0);
    };
    const auto key_of = [&](const std::string& tenant, const std::string& name) {
        return made_
            .rows(
                "select split_part(secret_hmac, '$', 1) as number from public.registry_api_key where name = "
                "'" +
                name + "' and tenant_id = (select id from public.registry_tenant where slug = '" + tenant +
                "')"
            )
            .at(0)
            .get<std::string>("number");
    };
    const auto who = [&](const std::string& name) {
        return leasehold({"--server", here_.api(), "--key", "file:" + (here_ / name).string(), "whoami"})
            .exit_code;
    };
    const auto old_line = std::string(load_secret_file(file).reveal());
    const auto new_line = std::string(hmac_keys::make_file_content().reveal());
    EXPECT_EQ(key_of("acme", "app"), number_of(old_line));

    store(new_line + old_line);
    EXPECT_EQ(who("acme.key"), 0) << "made under the key before";
    EXPECT_EQ(key_of("acme", "app"), number_of(new_line)) << "and rewritten";
    EXPECT_EQ(key_of("globex", "app"), number_of(old_line)) << "not used yet";
    const auto made =
        here_.call({"key", "create", "new", "--tenant", "acme", "--out", (here_ / "new").string()});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    EXPECT_EQ(key_of("acme", "new"), number_of(new_line));
    const auto verified = here_.call({"tenant", "verify", "acme"});  // by a ticket, through the router
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;

    store(new_line);
    EXPECT_EQ(who("acme.key"), 0);
    EXPECT_EQ(who("new"), 0);
    EXPECT_NE(who("globex.key"), 0) << "what nobody used in between is lost";
    EXPECT_EQ(here_.call({"tenant", "verify", "globex"}).exit_code, 0);
}

// The wait for an operation has an end; the operation has not.
TEST(OperationWatch, EndsAfterItsTimeoutAndTheOperationGoesOn)
{
    const installation made;
    configured here(made.config());
    scratch_broker sealed;
    sealed.seal();
    here.values.vault.url = {sealed.url()};
    here.save();
    const auto serving = here.serve();
    const auto waited = here.call({"--timeout", "2s", "tenant", "create", "acme", "--region", "eu"});
    EXPECT_EQ(waited.exit_code, 74) << waited.err;
    EXPECT_NE(waited.err.find("operation_unfinished"), std::string::npos) << waited.err;
    const auto rows = made.rows("select id::text as id, state from public.registry_operation");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_NE(waited.err.find(rows.at(0).get<std::string>("id")), std::string::npos) << waited.err;
    EXPECT_TRUE(
        rows.at(0).get<std::string>("state") == "running" || rows.at(0).get<std::string>("state") == "waiting"
    ) << rows.at(0).get<std::string>("state");
}

}  // namespace
}  // namespace leasehold::test
