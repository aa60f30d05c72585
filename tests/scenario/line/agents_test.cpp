// The main job, seen from outside: hosts in their tenant's database, and nowhere else.
#include "the_line.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/http/client.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace leasehold::test {
namespace {

using nlohmann::json;

std::string demo_file(const std::string& name)
{
    const auto key = the_line().at("owner_key_file").get<std::string>();
    return key.substr(0, key.rfind('/') + 1) + name;
}

json identity_of(const std::string& slug)
{
    return json::parse(load_file(demo_file("agent-" + slug + "/identity.json")));
}

// GET at a listener of the line, with what a key file holds where one is named.
http::answer ask(const std::string& listener, const std::string& target, const std::string& key_file = {})
{
    http::client_settings settings;
    settings.ca_file = the_line().at("ca_file").get<std::string>();
    http::client client(
        *http::origin::parse(the_line().at(listener).get<std::string>()), std::move(settings)
    );
    http::request what(http::method::get, target);
    if (!key_file.empty()) {
        auto key = load_file(key_file);
        key.resize(key.find('\n'));
        what.fields.set("Authorization", "Bearer " + key);
    }
    return run(client.send(std::move(what)));
}

TEST(Line, H1_EachAgentsHostIsInItsOwnTenantAloneAndVerifyAgrees)
{
    const auto acme = tenant("acme");
    const auto globex = tenant("globex");
    struct row
    {
        const tenant_of_line& own;
        const tenant_of_line& other;
    };
    for (const auto& [own, other] : {row{acme, globex}, row{globex, acme}}) {
        SCOPED_TRACE(own.slug);
        const auto host = identity_of(own.slug).at("host_id").get<std::string>();
        EXPECT_EQ(on_server(own, "select count(*) from hosts where id = '" + host + "'"), "1");
        EXPECT_EQ(on_server(other, "select count(*) from hosts where id = '" + host + "'"), "0");
        EXPECT_EQ(
            on_server(own, "select count(*) > 0 from host_packages where host_id = '" + host + "'"), "t"
        );
    }
    const auto verified = run_leasehold("tenant verify --all");
    EXPECT_EQ(verified.exit_code, 0) << verified.output;
    EXPECT_EQ(verified.output.find("FAIL"), std::string::npos) << verified.output;
}

// What must be nowhere, by what it is: the secret part of every key, token and credential of the line, what
// its processes log in with, and the agents' private keys.
std::map<std::string, std::string> secrets_of_line()
{
    std::map<std::string, std::string> all;
    const auto add_secret_part = [&](const std::string& what, const std::string& text) {
        std::smatch found;
        static const std::regex shape("lh_(?:api|enr|host)_[0-9A-Za-z]{22}_([0-9A-Za-z]{32})");
        ASSERT_TRUE(std::regex_search(text, found, shape)) << what;
        all[what] = found[1].str();
    };
    add_secret_part("owner key", load_file(demo_file("owner-key")));
    for (const std::string slug : {"acme", "globex"}) {
        add_secret_part("key of " + slug, load_file(demo_file(slug + ".key")));
        add_secret_part("token of " + slug, load_file(demo_file("agent-" + slug + ".yaml")));
        const auto identity = identity_of(slug);
        add_secret_part("credential of " + slug, identity.at("credential"));
        all["private key of " + slug] = identity.at("seed");
    }
    for (const auto& folder : {demo_file("secrets"), demo_file("")}) {
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            const auto name = entry.path().filename().string();
            const bool is_secret = folder == demo_file("secrets") || name.ends_with(".password") ||
                                   name == "bao-root-token" || name == "bao-unseal-key";
            // A role id names an identity and proves nothing.
            if (!is_secret || name.ends_with("role-id")) continue;
            std::istringstream lines(load_file(entry.path()));
            for (std::string line; std::getline(lines, line);) {
                if (!line.empty()) all[name] = line;
            }
        }
    }
    return all;
}

TEST(Line, H17_NoSecretIsInALogAMetricACommandLineOrADatabase)
{
    const auto secrets = secrets_of_line();
    EXPECT_GE(secrets.size(), 18U);
    struct place
    {
        std::string name;
        std::string content;
        std::string holds;  // what shows that the right thing was read, and all of it
    };
    const auto dump = [](const std::string& server, const std::string& database) {
        return run_shell(
                   client_program(server, "pg_dump") + " --inserts -h " +
                   server_named(server).at("socket_dir").get<std::string>() + " -p " +
                   std::to_string(server_named(server).at("port").get<int>()) + " -U postgres " + database
        )
            .output;
    };
    const auto acme = tenant("acme");
    const auto globex = tenant("globex");
    std::vector<place> places{
        {"metrics", ask("metrics_url", "/metrics").body, "leasehold_http_requests_total"},
        {"command lines",
         run_shell("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '").output,
         "serve --dev"},
        {"registry", dump("registry", "leasehold"), "INSERT INTO public.registry_audit_event"},
        {"acme's database", dump(acme.server, acme.database), identity_of("acme").at("host_id")},
        {"globex's database", dump(globex.server, globex.database), identity_of("globex").at("host_id")},
    };
    for (const auto& entry :
         std::filesystem::directory_iterator(the_line().at("log_dir").get<std::string>())) {
        places.push_back({entry.path().filename().string(), load_file(entry.path()), ""});
    }
    EXPECT_NE(places.at(2).content.find(identity_of("acme").at("host_id")), std::string::npos);
    for (const auto& [name, content, holds] : places) {
        EXPECT_NE(content.find(holds), std::string::npos) << name;
        for (const auto& [what, text] : secrets) {
            EXPECT_EQ(content.find(text), std::string::npos) << what << " is in " << name;
            // bytea is dumped in hexadecimal.
            EXPECT_EQ(content.find(crypto::to_hex(text)), std::string::npos) << what << " is in " << name;
        }
    }
}

TEST(Line, AKeyOfOneTenantIsRefusedForAnotherAndWorksForItsOwn)
{
    const auto acme = tenant("acme");
    const auto globex = tenant("globex");
    const auto folder = acme.dsn_file.substr(0, acme.dsn_file.rfind('/'));
    const auto with_acme = [&](const std::string& path) {
        return ask("api_url", path, folder + "/acme.key").status;
    };
    std::string acme_id;
    std::string globex_id;
    for (const auto& one : the_line().at("tenants")) {
        (one.at("slug") == "acme" ? acme_id : globex_id) = one.at("id");
    }
    EXPECT_EQ(with_acme("/api/v1/tenants/" + acme_id), 200);
    EXPECT_EQ(with_acme("/api/v1/tenants/" + globex_id), 403);
    EXPECT_EQ(with_acme("/api/v1/tenants/" + acme_id + "/hosts"), 200);
    EXPECT_EQ(with_acme("/api/v1/tenants/" + globex_id + "/hosts"), 403);
}

}  // namespace
}  // namespace leasehold::test
