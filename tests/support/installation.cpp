#include "installation.hpp"

#include "lane_driver.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/control-plane/bootstrap.hpp>
#include <leasehold/control-plane/fleet_migration.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fcntl.h>
#include <future>
#include <sys/file.h>
#include <unistd.h>

namespace leasehold::test {
namespace {

namespace fs = std::filesystem;

const std::string base_registry = "leasehold_test_base";
const std::string base_logins = "leasehold_test";

// Where the stack's first installation keeps its identities.
fs::path shared_folder()
{
    return the_stack().file.parent_path() / "installation";
}

std::string run_command(const std::string& command)
{
    std::string output;
    auto* pipe = ::popen((command + " 2>&1").c_str(), "r");  // NOLINT(cert-env33-c): a test's own words
    if (pipe == nullptr) throw std::runtime_error("no process for " + command);
    std::array<char, 4096> part{};
    while (const auto got = std::fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), got);
    if (::pclose(pipe) != 0) throw std::runtime_error(command + " failed: " + output);
    return output;
}

// A password's file is made once; later calls for the same login find it.
fs::path password_file(const fs::path& folder, const std::string& login)
{
    auto file = folder / (login + ".password");
    if (!fs::exists(file)) create_secret_file(file, crypto::to_hex(crypto::random_bytes(16)) + "\n");
    return file;
}

void run_registry_sql(const registry_config& of)
{
    const auto& server = the_stack().server("registry");
    std::string command = fmt::format(
        "{}/psql -X -q -h {} -p {} -U {} -d postgres -v database={} -f {}/deploy/registry.sql",
        server.bin_dir.string(),
        server.socket_dir,
        server.port,
        server.superuser,
        of.database,
        LEASEHOLD_SOURCE_FOLDER
    );
    const std::array<std::pair<const char*, const database_login*>, 3> logins{
        {{"control", &of.control_plane}, {"router", &of.router}, {"migrate", &of.migrate}}};
    for (const auto& [name, login] : logins) {
        command += fmt::format(
            " -v {0}={1} -v {0}_password_file={2}", name, login->user, login->password_file.string()
        );
    }
    run_command(command);
}

registry_config registry_of(const std::string& database, const std::string& logins, const fs::path& folder)
{
    const auto& server = the_stack().server("registry");
    registry_config made;
    made.hosts = {{server.host, server.port, {}}};
    made.database = database;
    made.ca_file = the_stack().ca_file;
    made.control_plane = {logins + "_control", password_file(folder, logins + "_control")};
    made.router = {logins + "_router", password_file(folder, logins + "_router")};
    made.migrate = {logins + "_migrate", password_file(folder, logins + "_migrate")};
    made.pool.threads = 4;
    return made;
}

void bootstrap(const leasehold::config& values)
{
    control_plane::bootstrap_request request;
    request.bao_token = load_secret_line(the_stack().broker.root_token_file);
    asio::io_context lane(1);
    await(lane, control_plane::provision_bootstrap(values, std::move(request), [](const auto&) {}));
}

// The first installation of this stack; the file that says so is written last.
void prepare_first(const fs::path& folder)
{
    // A fresh stack lies in the folder of the one before: what belongs to another broker is of no use.
    const auto token = load_secret_line(the_stack().broker.root_token_file);
    const auto done =
        folder / ("done-" + crypto::to_hex(crypto::view(crypto::sha256(token.reveal()))).substr(0, 8));
    if (fs::exists(done)) return;
    fs::remove_all(folder);
    fs::create_directories(folder);
    const auto values = installation_config(registry_of(base_registry, base_logins, folder), folder);
    run_registry_sql(values.registry);
    control_plane::migrate_registry(values, "test");
    control_plane::migrate_shared(values, "test");
    bootstrap(values);
    control_plane::fleet_migration fleet(values);
    fleet.build_templates();
    fleet.close();
    store_file(done, "");
}

void copy_registry(const std::string& name)
{
    const auto session = database::connect(the_stack().server("registry").superuser_endpoint());
    session->run_plain(fmt::format("create database {} template {}", name, base_registry));
}

}  // namespace

void with_stack_lock(const std::function<void()>& work)
{
    const auto file = the_stack().file.parent_path() / "installation.lock";
    const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || ::flock(lock, LOCK_EX) != 0) throw std::runtime_error("the stack cannot be locked");
    try {
        work();
    } catch (...) {
        ::close(lock);
        throw;
    }
    ::close(lock);
}

std::vector<std::string> tenant_servers()
{
    return {"eu-1", "us-1"};
}

registry_config make_registry(const std::string& database, const std::string& logins, const fs::path& folder)
{
    auto made = registry_of(database, logins, folder);
    with_stack_lock([&] { run_registry_sql(made); });
    return made;
}

leasehold::config installation_config(registry_config registry, const fs::path& folder)
{
    const auto& stack = the_stack();
    leasehold::config values;
    values.registry = std::move(registry);
    values.security.hmac_key_file = folder / "hmac-key";
    values.multitenancy.enabled = true;
    values.multitenancy.delete_grace = milliseconds(0);
    values.license.file.clear();
    values.vault.enabled = true;
    values.vault.url = {stack.broker.url};
    values.vault.ca_file = stack.broker.ca_file;
    values.vault.auth.router.role_id_file = folder / "router-role-id";
    values.vault.auth.router.secret_id_file = folder / "router-secret-id";
    values.vault.auth.provisioner.role_id_file = folder / "provisioner-role-id";
    values.vault.auth.provisioner.secret_id_file = folder / "provisioner-secret-id";
    values.control_plane.listen = {"127.0.0.1", 0, {}};
    values.control_plane.bootstrap.key_file = folder / "bootstrap-key";
    values.router.listen = {{"127.0.0.1", 0, {}}};
    values.agents.listen = {"127.0.0.1", 0, {}};
    values.metrics.listen = {"127.0.0.1", 0, {}};
    for (const auto& name : tenant_servers()) {
        const auto& server = stack.server(name);
        provisioned_server_config made;
        made.name = name;
        made.hosts = {{server.host, server.port, {}}};
        made.region = name.substr(0, 2);
        made.ca_file = stack.ca_file;
        made.broker_ca_file = server.ca_file;
        made.superuser = server.superuser;
        made.superuser_password_file = server.superuser_password_file;
        made.accept = {"lease_network_open"};
        if (server.major() < 16) made.accept.emplace_back("createrole_is_superuser");
        values.provisioning.servers.push_back(std::move(made));
    }
    return values;
}

installation::installation()
{
    const auto shared = shared_folder();
    const auto name = "leasehold_test_" + crypto::to_hex(crypto::random_bytes(6));
    with_stack_lock([&] {
        prepare_first(shared);
        copy_registry(name);
        values_ = installation_config(registry_of(name, base_logins, shared), shared);
        run_registry_sql(values_.registry);
    });
    values_.security.hmac_key_file = folder_ / "hmac-key";
    values_.control_plane.bootstrap.key_file = folder_ / "bootstrap-key";
    registry_ = database::connect(the_stack().server("registry").superuser_endpoint(name));
    run("update public.registry_setting set value = to_jsonb(gen_random_uuid()) where key = 'installation'");
    id_ = rows("select (value #>> '{}')::uuid as id from public.registry_setting where key = 'installation'")
              .at(0)
              .get<installation_id>("id");
}

installation::~installation()
{
    try {
        remove_tenants();
        registry_.reset();
        const auto maintenance = database::connect(the_stack().server("registry").superuser_endpoint());
        maintenance->run_plain("drop database " + values_.registry.database + " with (force)");
    } catch (const std::exception& why) {
        ADD_FAILURE() << "the installation was not taken away: " << why.what();
    }
}

void installation::remove_tenants() const
{
    std::string tids;
    for (const auto& row :
         rows("select t.tid from public.registry_tenant t where not exists (select from "
              "public.registry_placement p join public.registry_server s on s.id = p.server_id "
              "where p.tenant_id = t.id and s.name not in ('eu-1', 'us-1'))")) {
        tids += (tids.empty() ? "" : "|") + row.get<std::string>("tid");
    }
    if (tids.empty()) return;
    const auto of_these = fmt::format("'^(t|lease_[a-z]+)_({})_'", tids);
    std::vector<std::future<void>> all;
    for (const auto& name : tenant_servers()) {
        all.push_back(std::async(std::launch::async, [&of_these, name] {
            const auto session = database::connect(the_stack().server(name).superuser_endpoint());
            for (const auto& row :
                 session->run_plain_rows("select datname from pg_database where datname ~ " + of_these)) {
                session->run_plain("drop database if exists " + row[0].value() + " with (force)");
            }
            session->run_plain(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename ~ " + of_these
            );
            std::string roles;
            for (const auto& row : session->run_plain_rows(
                     "select quote_ident(rolname) from pg_roles where rolname ~ " + of_these
                 )) {
                roles += (roles.empty() ? "" : ", ") + row[0].value();
            }
            if (!roles.empty()) session->run_plain("drop role if exists " + roles);
        }));
    }
    for (auto& one : all) one.get();
}

}  // namespace leasehold::test
