// SIGHUP, and what a running process makes of it.
#include "configured.hpp"
#include "eventually.hpp"
#include "installation.hpp"
#include "scratch_broker.hpp"
#include "test_authority.hpp"
#include "test_license.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/http/client.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <sstream>

namespace leasehold::test {
namespace {

using nlohmann::json;

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
        http::client client(*http::origin::parse(here_.api()), http::client_settings());
        http::request request(http::method::get, "/api/v1/license");
        const auto key = load_secret_line(here_.values.control_plane.bootstrap.key_file);
        request.fields.set("Authorization", "Bearer " + std::string(key.reveal()));
        const auto answer = run(client.send(std::move(request), std::chrono::seconds(10)));
        return json::parse(answer.body).at("claims").at("ends_at").get<std::string>();
    };
    const auto full = second_key("acme");
    EXPECT_NE(full.exit_code, 0);
    EXPECT_NE(full.err.find("tenant_limit_reached"), std::string::npos) << full.err;
    const auto license_before = license_end();

    here_.values.limits.tenant.max_keys = 2;
    here_.values.multitenancy.reserved_slugs = {"umbrella"};
    here_.values.log.level = "debug";
    here_.values.router.lanes = 3;
    here_.save();
    store_file(here_.values.license.file, make_license(std::chrono::system_clock::now(), 500) + "\n");
    const auto line = reload("config.reloaded");
    for (const auto* key : {"limits.tenant.max_keys", "multitenancy.reserved_slugs", "log.level", "license"})
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
