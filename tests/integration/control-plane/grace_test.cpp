#include "eventually.hpp"
#include "fake_clock.hpp"
#include "installation.hpp"
#include "lane_driver.hpp"
#include "test_license.hpp"

#include <leasehold/base/credential.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/lane_call.hpp>
#include <leasehold/control-plane/control_plane.hpp>
#include <leasehold/http/client.hpp>
#include <leasehold/router/agents/gateway.hpp>
#include <leasehold/router/router.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>

namespace leasehold::control_plane::test {
namespace {

using leasehold::test::eventually;
using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto day = std::chrono::hours(24);

// Control plane, router and agent gateway as `serve` has them, with a license that ends in forty days, on a
// clock that the test moves.
class Grace : public ::testing::Test
{
protected:
    Grace()
    {
        install(document);
        values.license.file = made.folder() / "license.jws";
        store_file(values.license.file, document);
        router::router_settings of_router;
        of_router.is_development = true;
        of_router.license_signers = leasehold::test::test_license_keys();
        of_router.clock = &clock;
        of_router.license_interval = 20ms;
        of_router.poll_interval = 20ms;
        router_ = std::make_unique<router::router>(
            leasehold::test::verified_fleet(document, began), values, keys, std::move(of_router)
        );
        router_->start();
        gateway_ = std::make_unique<router::agents::gateway>(router_->gateway(), values, keys);
        gateway_->start();
        control_plane_settings how;
        how.development = true;
        how.clock = &clock;
        how.router = router_->listening().front();
        plane_ = std::make_unique<control_plane>(values, keys, std::move(how));
        plane_->start();
        owner = std::string(load_secret_line(values.control_plane.bootstrap.key_file).reveal());
    }
    ~Grace() override
    {
        plane_->drain(1s);
        run_on(router_->gateway().context(), gateway_->drain(1s));
        router_->drain();
    }

    void install(const std::string& text) const
    {
        made.run("update public.registry_license set document = '" + text + "'");
    }
    std::pair<int, json> call(http::method how, const std::string& path, const json& body = {}) const
    {
        http::request what(how, "/api/v1" + path);
        what.fields.set("authorization", "Bearer " + owner);
        if (!body.is_null()) {
            what.fields.set("content-type", "application/json");
            what.body = body.dump();
        }
        http::origin where{false, plane_->bound().host, plane_->bound().port};
        const auto said = run([](http::origin to, http::request asked) -> task<http::answer> {
            http::client one(std::move(to), http::client_settings());
            auto answered = co_await one.send(std::move(asked));
            co_return answered;
        }(std::move(where), std::move(what)));
        return {said.status, json::parse(said.body, nullptr, false)};
    }
    // Begins it and waits for its end.
    std::string finish(const std::pair<int, json>& begun) const
    {
        if (begun.first != 202) return fmt::format("{} {}", begun.first, begun.second.dump());
        std::string state;
        const auto path = "/operations/" + begun.second.value("id", "");
        eventually(
            [&] {
                const auto seen = call(http::method::get, path).second;
                state = seen.value("state", "");
                return seen.value("finished_at", json()).is_string() || state == "failed";
            },
            90s
        );
        return state;
    }
    std::string make_tenant(const std::string& slug) const
    {
        EXPECT_EQ(
            finish(call(http::method::post, "/tenants", {{"slug", slug}, {"name", slug}})), "succeeded"
        );
        const auto all = call(http::method::get, "/tenants").second;
        for (const auto& one : all.at("items")) {
            if (one.value("slug", "") == slug) return one.value("id", "");
        }
        return "";
    }
    database::endpoint client(const std::string& slug, const std::string& key) const
    {
        database::endpoint where;
        where.hosts.emplace_back("127.0.0.1", router_->listening().front().port);
        where.database = slug;
        where.user = key.substr(7, 22);
        where.password = secret<std::string>(key);
        where.sslmode = "disable";
        where.connect_timeout = 20s;
        return where;
    }
    std::string make_key(const std::string& tenant) const
    {
        const auto said = call(
            http::method::post, "/tenants/" + tenant + "/keys", {{"name", "application"}, {"role", "write"}}
        );
        EXPECT_EQ(said.first, 201) << said.second;
        return said.second.value("key", "");
    }
    std::pair<int, json> make_token(const std::string& tenant) const
    {
        return call(
            http::method::post,
            "/tenants/" + tenant + "/enrollment-tokens",
            {{"label", "test"}, {"max_uses", 5}}
        );
    }
    // What one pass of the agent says of itself; "" when it went well.
    std::string run_agent(const std::string& name, const std::string& token) const
    {
        const auto folder = made.folder();
        const auto token_file = folder / (name + "-token");
        if (!std::filesystem::exists(token_file)) create_secret_file(token_file, token + "\n");
        const auto file = folder / (name + ".yaml");
        store_file(
            file,
            fmt::format(
                "server: {{ url: 'http://{}' }}\nsecurity: {{ enrollment_token_file: {}, state_dir: {} }}\n"
                "host: {{ name: {} }}\n",
                gateway_->bound().to_string(),
                token_file.string(),
                (folder / name).string(),
                name
            )
        );
        const auto command = fmt::format("{} agent --once --config {} 2>&1", LEASEHOLD_BINARY, file.string());
        std::string output;
        std::array<char, 512> piece{};
        FILE* out = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): a test's own words
        while (::fgets(piece.data(), piece.size(), out) != nullptr) output += piece.data();
        return ::pclose(out) == 0 ? "" : output;
    }

    leasehold::test::installation made;
    wall_time began = std::chrono::system_clock::now();
    std::string document = leasehold::test::make_license(began, 40);
    leasehold::test::fake_clock clock{began};
    leasehold::config values = made.config();
    hmac_keys keys{hmac_keys::make_file_content()};
    std::unique_ptr<router::router> router_;
    std::unique_ptr<router::agents::gateway> gateway_;
    std::unique_ptr<control_plane> plane_;
    std::string owner;
};

TEST_F(Grace, C5_WhenItEndsUnderARunningRouterOnlyWhatIsNewIsRefused)
{
    const auto acme = make_tenant("acme");
    const auto globex = make_tenant("globex");
    const auto key = make_key(acme);
    const auto other_key = make_key(globex);
    const auto session = database::connect(client("acme", key));
    const auto token = make_token(acme);
    ASSERT_EQ(token.first, 201) << token.second;
    const auto token_text = token.second.value("token", "");
    EXPECT_EQ(run_agent("first-host", token_text), "");

    clock.advance(45 * day);  // in grace everything goes on
    ASSERT_TRUE(eventually([&] { return router_->license() == license_state::grace; }));
    EXPECT_EQ(make_token(acme).first, 201);

    clock.advance(30 * day);
    ASSERT_TRUE(eventually([&] { return router_->license() == license_state::restricted; }));
    const auto refused = [](const std::pair<int, json>& said) {
        return fmt::format("{} {}", said.first, said.second.value("code", ""));
    };
    EXPECT_EQ(
        refused(call(http::method::post, "/tenants", {{"slug", "new"}, {"name", "new"}})),
        "402 license_expired"
    );
    EXPECT_EQ(refused(make_token(acme)), "402 license_expired");
    const auto not_joined = run_agent("second-host", token_text);
    EXPECT_NE(not_joined.find("license_expired"), std::string::npos) << not_joined;

    // What exists is served, old sessions and new ones, hosts too; and it may be put away.
    EXPECT_EQ(session->run_plain_rows("select 1").size(), 1U);
    EXPECT_EQ(database::connect(client("globex", other_key))->run_plain_rows("select 1").size(), 1U);
    EXPECT_EQ(run_agent("first-host", token_text), "");
    EXPECT_EQ(call(http::method::get, "/tenants/" + acme).first, 200);
    EXPECT_EQ(finish(call(http::method::post, "/tenants/" + acme + "/suspend")), "succeeded");
    EXPECT_EQ(finish(call(http::method::post, "/tenants/" + acme + "/resume")), "succeeded");
    EXPECT_EQ(
        finish(call(http::method::post, "/tenants/" + globex + "/delete", {{"confirm", "globex"}})),
        "succeeded"
    );

    const auto next = leasehold::test::make_license(clock.wall(), 365);
    const auto installed = call(http::method::put, "/license", {{"document", next}});
    EXPECT_EQ(installed.first, 200) << installed.second;
    EXPECT_TRUE(eventually([&] { return router_->license() == license_state::ok; }));
    EXPECT_EQ(run_agent("second-host", token_text), "");
    EXPECT_NE(make_tenant("new"), "");
}

}  // namespace
}  // namespace leasehold::control_plane::test
