// Every secret of a `*_file`, and every secret that the product issues, is looked for wherever it must not
// be.
#include "configured.hpp"
#include "eventually.hpp"
#include "installation.hpp"
#include "test_authority.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/http/client.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <filesystem>
#include <map>
#include <sys/resource.h>

namespace leasehold::test {
namespace {

namespace fs = std::filesystem;

// Texts that were seen, by where; and secrets, by what they are.
class search
{
public:
    void saw(const std::string& where, const std::string& text) { seen_[where] += text; }
    void saw(const std::string& what, const ended& how)
    {
        saw(what + ": output", how.out);
        saw(what + ": errors", how.err);
    }
    void saw_process(const std::string& what, pid_t pid)
    {
        for (const auto* file : {"cmdline", "environ"})
            saw(fmt::format("{}: /proc/{}", what, file), load_file(fmt::format("/proc/{}/{}", pid, file)));
    }
    void secret(const std::string& what, const std::string& text)
    {
        ASSERT_GE(text.size(), 8U) << what;
        secrets_.emplace(what, text);
    }
    void secret_file(const std::string& what, const fs::path& file)
    {
        secret(what, std::string(load_secret_line(file).reveal()));
    }
    // All but the lines that begin and end it.
    void private_key(const std::string& what, const fs::path& file)
    {
        const auto pem = load_file(file);
        const auto begin = pem.find('\n') + 1;
        secret(what, pem.substr(begin, pem.find('\n', begin) - begin));
    }

    [[nodiscard]] bool finds(const std::string& text) const
    {
        for (const auto& [where, all] : seen_)
            if (all.find(text) != std::string::npos) return true;
        return false;
    }
    void expect_no_secret() const
    {
        for (const auto& [what, text] : secrets_)
            for (const auto& [where, all] : seen_)
                EXPECT_EQ(all.find(text), std::string::npos) << what << " is in " << where;
    }

private:
    std::map<std::string, std::string> seen_;
    std::map<std::string, std::string> secrets_;
};

http::answer get(const std::string& origin, const std::string& target, const std::string& token)
{
    http::client client(*http::origin::parse(origin), http::client_settings());
    http::request request(http::method::get, target);
    request.fields.set("Authorization", "Bearer " + token);
    return run(client.send(std::move(request), std::chrono::seconds(20)));
}

std::string limit_of(pid_t pid)
{
    const auto limits = load_file(fmt::format("/proc/{}/limits", pid));
    const auto begin = limits.find("Max core file size");
    return begin == std::string::npos ? limits : limits.substr(begin, limits.find('\n', begin) - begin);
}

// The program itself, not the process that is about to become it.
bool is_running_as(const program& one, const std::string& argument)
{
    return eventually([&] {
        return load_file(fmt::format("/proc/{}/cmdline", one.pid())).find(argument) != std::string::npos;
    });
}

// Core dumps are allowed to the children of this test while it lives.
class cores_allowed
{
public:
    cores_allowed()
    {
        ::getrlimit(RLIMIT_CORE, &before_);
        auto most = before_;
        most.rlim_cur = most.rlim_max;
        ::setrlimit(RLIMIT_CORE, &most);
    }
    ~cores_allowed() { ::setrlimit(RLIMIT_CORE, &before_); }
    cores_allowed(const cores_allowed&) = delete;
    cores_allowed& operator=(const cores_allowed&) = delete;

private:
    rlimit before_{};
};

// A process of ours may leave no core, one of somebody else's started the same way may.
void expect_no_core(program& ours)
{
    program other("/bin/sleep", {"60"});
    ASSERT_TRUE(eventually([&] { return limit_of(other.pid()).find(" unlimited") != std::string::npos; }))
        << limit_of(other.pid());
    ASSERT_TRUE(eventually([&] { return limit_of(ours.pid()).find(" 0 ") != std::string::npos; }))
        << limit_of(ours.pid());
    EXPECT_EQ(limit_of(ours.pid()).find("unlimited"), std::string::npos) << limit_of(ours.pid());
    ours.signal(SIGABRT);
    const auto how = ours.wait();
    EXPECT_EQ(how.exit_code, 128 + SIGABRT) << how.err;
    EXPECT_FALSE(how.left_core);
}

TEST(Secrets, C2_AreInNoLogListingCommandLineMetricErrorOrCore)
{
    const cores_allowed allowed;
    const installation made;
    auto values = made.config();
    const scratch_folder own;
    test_authority authority(own.path(), "canary");
    search all;

    // Every kind of secret file, none of them empty.
    store_file(own / "metrics-token", "canary-of-the-metrics-listener\n");
    ASSERT_EQ(leasehold({"key", "generate", "--out", (own / "supplied-key").string()}).exit_code, 0);
    ASSERT_EQ(leasehold({"key", "generate", "--out", (own / "foreign-key").string()}).exit_code, 0);
    values.metrics.token_file = own / "metrics-token";
    values.control_plane.bootstrap.supplied_key_file = own / "supplied-key";
    values.vault.bootstrap.token_file = the_stack().broker.root_token_file;
    values.vault.auth.router.token_file = own / "metrics-token";
    values.agents.tls = authority.issue("agents", "DNS:localhost,IP:127.0.0.1");
    values.router.tls = {the_stack().certificate.cert_file, the_stack().certificate.key_file};
    values.log.level = "debug";
    configured here(std::move(values));
    const auto& set = here.values;
    for (const auto& [what, login] :
         {std::pair{"registry.control_plane.password_file", &set.registry.control_plane},
          std::pair{"registry.router.password_file", &set.registry.router},
          std::pair{"registry.migrate.password_file", &set.registry.migrate}})
        all.secret_file(what, login->password_file);
    for (const auto& [what, identity] :
         {std::pair{"vault.auth.router", &set.vault.auth.router},
          std::pair{"vault.auth.provisioner", &set.vault.auth.provisioner}}) {
        all.secret_file(what + std::string(".role_id_file"), identity->role_id_file);
        all.secret_file(what + std::string(".secret_id_file"), identity->secret_id_file);
    }
    all.secret_file("vault.bootstrap.token_file", set.vault.bootstrap.token_file);
    all.secret_file("metrics.token_file", set.metrics.token_file);
    all.secret_file("control_plane.bootstrap.supplied_key_file", own / "supplied-key");
    all.secret_file("a key of nobody", own / "foreign-key");
    all.private_key("agents.tls.key_file", set.agents.tls.key_file);
    all.private_key("router.tls.key_file", set.router.tls.key_file);
    for (const auto& server : set.provisioning.servers)
        all.secret_file("superuser of " + server.name, server.superuser_password_file);

    // serve, and two tenants whose agents and readers come and go.
    auto serving = here.serve();
    all.secret_file("security.hmac_key_file", set.security.hmac_key_file);
    const auto owner = [&](std::vector<std::string> arguments) {
        arguments.insert(
            arguments.begin(), {"--server", here.api(), "--key", "file:" + (own / "supplied-key").string()}
        );
        auto how = leasehold(arguments);
        EXPECT_EQ(how.exit_code, 0) << how.err << serving->err();
        all.saw("leasehold " + arguments.at(4), how);
        return how;
    };
    for (const std::string slug : {"acme", "globex"}) {
        owner({"tenant", "create", slug, "--region", slug == "acme" ? "eu" : "us"});
        const auto token_file = (own / (slug + ".token")).string();
        const auto key_file = (own / (slug + ".key")).string();
        owner({"token", "create", "host", "--tenant", slug, "--out", token_file});
        owner({"key", "create", "reader", "--tenant", slug, "--role", "write", "--out", key_file});
        all.secret_file("enrollment token of " + slug, token_file);
        all.secret_file("key of " + slug, key_file);
        store_file(
            own / (slug + ".yaml"),
            fmt::format(
                "server: {{ url: https://{}, ca_file: {} }}\nsecurity: {{ enrollment_token_file: {}, "
                "state_dir: {} }}\n",
                set.agents.listen.to_string(),
                authority.ca_file(),
                token_file,
                (own / slug).string()
            )
        );
        const auto joined = leasehold(
            {"agent", "--once", "--log-level", "debug", "--config", (own / (slug + ".yaml")).string()}
        );
        ASSERT_EQ(joined.exit_code, 0) << joined.err << serving->err();
        all.saw("agent of " + slug, joined);
        const auto identity = nlohmann::json::parse(load_file(own / slug / "identity.json"));
        for (const auto* part : {"credential", "seed"})
            all.secret(fmt::format("{} of the host of {}", part, slug), identity.at(part).get<std::string>());

        // Through the router, with the key and with a wrong one.
        const auto key = std::string(load_secret_line(key_file).reveal());
        const auto psql = [&](const std::string& password) {
            store_file(own / "passfile", fmt::format("*:*:*:*:{}\n", password));
            return program(
                       the_stack().server("registry").bin_dir / "psql",
                       {"-X",
                        "-w",
                        fmt::format(
                            "postgresql://{}@127.0.0.1:{}/{}?sslmode=verify-full&sslrootcert={}",
                            key.substr(7, 22),
                            set.router.listen.at(0).port,
                            slug,
                            the_stack().ca_file.string()
                        ),
                        "-c",
                        "select count(*) from hosts; select * from nowhere"},
                       {{"PGPASSFILE", (own / "passfile").string()}}
            ).wait();
        };
        const auto right = psql(key);
        EXPECT_NE(right.err.find("nowhere"), std::string::npos) << right.err << serving->err();
        all.saw("psql", right);
        auto wrong_key = key;
        wrong_key[40] = wrong_key[40] == 'A' ? 'B' : 'A';
        all.secret("wrong key for " + slug, wrong_key);
        const auto wrong = psql(wrong_key);
        EXPECT_NE(wrong.exit_code, 0);
        all.saw("psql with a wrong key", wrong);
    }

    // Refusals, which like to quote.
    for (const auto* file : {"foreign-key", "acme.token"}) {
        const auto refused =
            leasehold({"whoami", "--server", here.api(), "--key", "file:" + (own / file).string()});
        EXPECT_NE(refused.exit_code, 0);
        all.saw("whoami with another secret", refused);
    }
    const auto key_text = std::string(load_secret_line(own / "foreign-key").reveal());
    all.saw("answer of the API", get(here.api(), "/api/v1/whoami", key_text).body);

    // migrate with leases of both tenants, and one that fails.
    here.values.migrations.tenant_dir = own / "files";
    fs::create_directories(own / "files");
    store_file(
        own / "files/5000_create_note.sql",
        "-- leasehold: phase expand\ncreate table note (id bigint primary key);\n"
    );
    here.save();
    program migrating(LEASEHOLD_BINARY, {"migrate", "--dev", "--config", here.file().string()});
    EXPECT_TRUE(is_running_as(migrating, "migrate"));
    all.saw_process("migrate", migrating.pid());
    const auto migrated = migrating.wait();
    EXPECT_EQ(migrated.exit_code, 0) << migrated.err;
    all.saw("migrate", migrated);
    store_file(
        own / "files/5001_break.sql", "-- leasehold: phase expand\ninsert into note values ('no number');\n"
    );
    const auto failed = here.local({"migrate"});
    EXPECT_NE(failed.exit_code, 0);
    all.saw("migrate that fails", failed);
    fs::remove(own / "files/5001_break.sql");

    for (const auto& arguments :
         {std::vector<std::string>{"config", "show"},
          {"config", "show", "--json"},
          {"config", "check"},
          {"doctor"}})
        all.saw("leasehold " + arguments.at(0), here.local(arguments));

    // The processes that stay, their metrics and their cores.
    const auto metrics_origin = "http://" + set.metrics.listen.to_string();
    const auto metrics = get(metrics_origin, "/metrics", "canary-of-the-metrics-listener");
    EXPECT_EQ(metrics.status, 200);
    all.saw("metrics", metrics.body);
    all.saw("metrics without the token", get(metrics_origin, "/metrics", "wrong-token").body);
    all.saw("readiness", get(metrics_origin, "/readyz", "canary-of-the-metrics-listener").body);
    serving->signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return serving->err().find("config.reloaded") != std::string::npos; }));
    program agent(
        LEASEHOLD_BINARY, {"agent", "--log-level", "debug", "--config", (own / "acme.yaml").string()}
    );
    EXPECT_TRUE(is_running_as(agent, "acme.yaml"));
    all.saw_process("serve", serving->pid());
    all.saw_process("agent", agent.pid());
    expect_no_core(agent);
    all.saw("agent: log", agent.err());
    expect_no_core(*serving);
    all.saw("serve: log", serving->err());

    // The search works: what may be said is found.
    for (const auto* said :
         {"metrics-token", "migrate", "leasehold_build_info", "lease", "5001_break.sql", "serve.started"})
        EXPECT_TRUE(all.finds(said)) << said;
    all.expect_no_secret();
}

}  // namespace
}  // namespace leasehold::test
