#include "eventually.hpp"
#include "program.hpp"
#include "stack.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <arpa/inet.h>
#include <csignal>
#include <filesystem>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace leasehold::test {
namespace {

using nlohmann::json;

std::uint16_t free_port()
{
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* raw = reinterpret_cast<sockaddr*>(&where);
    if (::bind(socket, raw, size) != 0 || ::getsockname(socket, raw, &size) != 0)
        throw std::runtime_error("no free port");
    ::close(socket);
    return ::ntohs(where.sin_port);
}

// One database with the three logins of deploy/registry.sql under names of the test's own, and a
// configuration in single-tenant mode over it. Both go at the end.
class single_tenant_installation
{
public:
    single_tenant_installation()
    {
        for (const auto& name : {"control", "router", "migrate"}) {
            create_secret_file(folder_ / name, crypto::to_hex(crypto::random_bytes(16)) + "\n");
        }
        const auto made = run_registry_sql();
        if (made.exit_code != 0) throw std::runtime_error("registry.sql: " + made.err);
        store_file(config_file(), configuration());
        std::filesystem::permissions(
            config_file(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write
        );
    }

    ~single_tenant_installation()
    {
        try {
            const auto session = database::connect(server_.superuser_endpoint());
            session->run_plain(fmt::format("drop database if exists {} with (force)", name_));
            for (const auto& login : {"control", "router", "migrate"})
                session->run_plain(fmt::format("drop role {}_{}", name_, login));
        } catch (const std::exception& why) {
            ADD_FAILURE() << "the registry was not dropped: " << why.what();
        }
    }

    [[nodiscard]] std::filesystem::path config_file() const { return folder_ / "leasehold.yaml"; }
    [[nodiscard]] std::filesystem::path folder() const { return folder_.path(); }
    [[nodiscard]] std::filesystem::path key_file() const { return folder_ / "owner-key"; }
    [[nodiscard]] std::string api() const { return fmt::format("http://127.0.0.1:{}", api_port_); }
    [[nodiscard]] std::string agents() const { return fmt::format("http://127.0.0.1:{}", agents_port_); }
    [[nodiscard]] database::endpoint as_superuser() const { return server_.superuser_endpoint(name_); }

    [[nodiscard]] ended local(std::vector<std::string> arguments) const
    {
        arguments.insert(arguments.end(), {"--config", config_file().string()});
        return leasehold(std::move(arguments));
    }
    [[nodiscard]] ended call(std::vector<std::string> arguments) const
    {
        arguments.insert(arguments.begin(), {"--server", api(), "--key", "file:" + key_file().string()});
        return leasehold(std::move(arguments));
    }

private:
    [[nodiscard]] ended run_registry_sql() const
    {
        std::vector<std::string> arguments{
            "-X",
            "-h",
            server_.socket_dir,
            "-p",
            std::to_string(server_.port),
            "-U",
            server_.superuser,
            "-d",
            "postgres",
            "-v",
            "database=" + name_};
        for (const std::string login : {"control", "router", "migrate"}) {
            arguments.insert(arguments.end(), {"-v", fmt::format("{}={}_{}", login, name_, login)});
            arguments.insert(
                arguments.end(), {"-v", fmt::format("{}_password_file={}", login, (folder_ / login).string())}
            );
        }
        arguments.insert(
            arguments.end(),
            {"-f", (std::filesystem::path(LEASEHOLD_SOURCE_FOLDER) / "deploy/registry.sql").string()}
        );
        return program(server_.bin_dir / "psql", std::move(arguments)).wait();
    }

    [[nodiscard]] std::string configuration() const
    {
        const auto login = [&](const std::string& name) {
            return fmt::format(
                "{{ user: {}_{}, password_file: {} }}", name_, name, (folder_ / name).string()
            );
        };
        std::string text;
        text += fmt::format(
            "registry:\n  hosts: [localhost:{}]\n  database: {}\n  ca_file: {}\n",
            server_.port,
            name_,
            server_.ca_file.string()
        );
        text += fmt::format(
            "  control_plane: {}\n  router: {}\n  migrate: {}\n",
            login("control"),
            login("router"),
            login("migrate")
        );
        text += fmt::format("security: {{ hmac_key_file: {} }}\n", (folder_ / "hmac-key").string());
        text += fmt::format(
            "control_plane:\n  listen: 127.0.0.1:{}\n  public_url: {}\n  bootstrap: {{ key_file: {} }}\n",
            api_port_,
            api(),
            key_file().string()
        );
        text += fmt::format(
            "router: {{ listen: [127.0.0.1:{}] }}\nagents: {{ listen: 127.0.0.1:{} }}\n",
            router_port_,
            agents_port_
        );
        text += fmt::format(
            "metrics: {{ listen: 127.0.0.1:{} }}\nlimits: {{ drain_timeout: 5s }}\n", metrics_port_
        );
        return text;
    }

    const stack_server& server_ = the_stack().server("registry");
    scratch_folder folder_;
    std::string name_ = "cli_" + crypto::to_hex(crypto::random_bytes(6));
    std::uint16_t api_port_ = free_port();
    std::uint16_t router_port_ = free_port();
    std::uint16_t agents_port_ = free_port();
    std::uint16_t metrics_port_ = free_port();
};

TEST(SingleTenant, IsServedFromOneDatabaseWithoutBrokerAndLicense)
{
    const single_tenant_installation here;

    // A start before the first migration says what to do.
    const auto early = here.local({"serve"});
    EXPECT_EQ(early.exit_code, 73) << early.err;
    EXPECT_NE(early.err.find("schema_behind"), std::string::npos) << early.err;
    EXPECT_EQ(here.local({"migrate", "status"}).exit_code, 8);

    const auto first = here.local({"migrate", "--managed-broker"});
    ASSERT_EQ(first.exit_code, 0) << first.err;
    for (const auto* chain : {"registry", "shared", "tenant"})
        EXPECT_NE(first.out.find(chain), std::string::npos) << first.out;
    EXPECT_EQ(first.out.find("current"), std::string::npos) << first.out;
    const auto second = here.local({"migrate", "--managed-broker"});
    ASSERT_EQ(second.exit_code, 0) << second.err;
    EXPECT_EQ(second.out.find("→"), std::string::npos) << second.out;
    EXPECT_EQ(here.local({"migrate", "status"}).exit_code, 0);

    EXPECT_EQ(here.local({"health"}).exit_code, 69);  // nobody serves yet
    program serving(LEASEHOLD_BINARY, {"serve", "--config", here.config_file().string()});
    const bool is_ready =
        eventually([&] { return !serving.is_running() || here.local({"health"}).exit_code == 0; });
    ASSERT_TRUE(is_ready && serving.is_running()) << serving.err();

    const auto owner = here.call({"whoami", "--json"});
    ASSERT_EQ(owner.exit_code, 0) << owner.err;
    EXPECT_EQ(json::parse(owner.out).value("role", ""), "owner");
    const auto foreign =
        leasehold({"whoami", "--server", here.api()}, {{"LEASEHOLD_KEY", "lh_api_nonsense"}});
    EXPECT_EQ(foreign.exit_code, 67) << foreign.err;
    const auto many = here.call({"tenant", "create", "acme"});
    EXPECT_EQ(many.exit_code, 73) << many.err;
    EXPECT_NE(many.err.find("multitenancy_disabled"), std::string::npos) << many.err;
    const auto misplaced = here.call({"tenant", "create", "acme", "--server", here.api()});
    EXPECT_EQ(misplaced.exit_code, 2) << misplaced.err;

    // An agent joins with a token; its host lies in the one database.
    const auto token_file = here.folder() / "token";
    const auto token =
        here.call({"token", "create", "first", "--tenant", "default", "--out", token_file.string()});
    ASSERT_EQ(token.exit_code, 0) << token.err;
    EXPECT_EQ(token.out.find("lh_enr_"), std::string::npos);
    store_file(
        here.folder() / "agent.yaml",
        fmt::format(
            "server: {{ url: {} }}\nsecurity: {{ enrollment_token_file: {}, state_dir: {} }}\nhost: {{ name: "
            "first-host }}\n",
            here.agents(),
            token_file.string(),
            (here.folder() / "agent").string()
        )
    );
    const auto joined = leasehold({"agent", "--once", "--config", (here.folder() / "agent.yaml").string()});
    ASSERT_EQ(joined.exit_code, 0) << joined.err << serving.err();
    const auto session = database::connect(here.as_superuser());
    const auto hosts = session->run_plain_rows("select name from public.hosts");
    ASSERT_EQ(hosts.size(), 1U);
    EXPECT_EQ(hosts.front().get<std::string>("name"), "first-host");

    // The same host over the API, which asks through the router.
    const auto key_file = here.folder() / "reader";
    const auto key =
        here.call({"key", "create", "reader", "--tenant", "default", "--out", key_file.string()});
    ASSERT_EQ(key.exit_code, 0) << key.err;
    const auto list =
        leasehold({"host", "list", "--json", "--server", here.api(), "--key", "file:" + key_file.string()});
    ASSERT_EQ(list.exit_code, 0) << list.err << serving.err();
    EXPECT_EQ(json::parse(list.out).at("items").at(0).value("name", ""), "first-host");
    const auto without_grant = here.call({"host", "list", "--tenant", "default"});
    EXPECT_EQ(without_grant.exit_code, 77) << without_grant.err;

    const auto verified = here.call({"tenant", "verify", "default"});
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;

    serving.signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return serving.err().find("config.reloaded") != std::string::npos; }))
        << serving.err();
    serving.signal(SIGTERM);
    EXPECT_TRUE(eventually([&] { return !serving.is_running(); }));
    EXPECT_EQ(serving.wait().exit_code, 0) << serving.err();
}

}  // namespace
}  // namespace leasehold::test
