#include "managed_broker.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/http/client.hpp>
#include <leasehold/vault-client/broker_setup.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace leasehold::cli {
namespace {

using nlohmann::json;
using vault_client::node_state;

constexpr std::chrono::seconds start_patience(30);
constexpr std::chrono::seconds stop_patience(30);
constexpr std::chrono::milliseconds look_interval(100);

task<node_state> look(const config& values)
{
    auto broker = vault_client::create_vault_broker(vault_client::settings_of(values.vault));
    const auto report = co_await broker->health();
    co_return report.state;
}

bool is_here(const config& values)
{
    if (values.vault.url.size() != 1) return false;
    const auto where = http::origin::parse(values.vault.url.front());
    return where && address{where->host, where->port, {}}.is_loopback();
}

void store_keys(const path& file, const vault_client::init_result& made)
{
    json content;
    for (const auto& key : made.unseal_keys) content["unseal_keys_b64"].push_back(std::string(key.reveal()));
    content["unseal_threshold"] = 1;
    content["root_token"] = std::string(made.root_token.reveal());
    auto text = content.dump(2) + "\n";
    create_secret_file(file, text);
    wipe(text);
}

std::vector<secret<std::string>> load_keys(const path& file)
{
    const auto text = load_secret_file(file);
    const auto content = json::parse(text.reveal(), nullptr, false);
    if (!content.is_object() || !content.contains("unseal_keys_b64")) {
        throw error(error_kind::conflict, "broker_keys_missing", file.string() + " holds no unseal keys");
    }
    std::vector<secret<std::string>> keys;
    for (const auto& key : content["unseal_keys_b64"]) keys.emplace_back(key.get_ref<const std::string&>());
    return keys;
}

// From a process that answers to a broker that serves.
task<void> bring_up(const config& values, const managed_broker::teller& tell)
{
    const auto& file = values.vault.bootstrap.keys_file;
    auto setup = vault_client::create_vault_setup(vault_client::settings_of(values.vault));
    const auto before = co_await setup->seal_status();
    if (!before.initialised) {
        if (std::filesystem::exists(file)) {
            throw error(
                error_kind::conflict,
                "broker_keys_missing",
                fmt::format("the broker is new, but {} is there already: move it away", file.string())
            );
        }
        const auto made = co_await setup->initialise(1, 1);
        store_keys(file, made);
        tell(fmt::format("broker    initialised; its keys are in {}", file.string()));
    }
    if (!std::filesystem::exists(file)) {
        throw error(
            error_kind::conflict,
            "broker_keys_missing",
            fmt::format("{} is not there, and the broker is sealed", file.string())
        );
    }
    const auto keys = load_keys(file);
    for (const auto& key : keys) {
        const auto now = co_await setup->unseal(key);
        if (!now.sealed) co_return;
    }
    throw error(
        error_kind::conflict,
        "broker_keys_missing",
        fmt::format("the keys in {} do not unseal it", file.string())
    );
}

}  // namespace

managed_broker::managed_broker(const config& values, teller tell) : values_(values), tell_(std::move(tell))
{
    switch (run(look(values))) {
    case node_state::active:
    case node_state::standby:
        return;
    case node_state::sealed:
        throw error(
            error_kind::unavailable, "broker_sealed", "the broker is sealed, and was not started here"
        );
    case node_state::uninitialised:
        throw error(
            error_kind::unavailable,
            "broker_uninitialised",
            "the broker is not initialised, and was not started here"
        );
    case node_state::unreachable:
        break;
    default:
        throw error(
            error_kind::unavailable, "broker_unusable", "the broker does not answer as a broker does"
        );
    }
    const auto& how = values.vault.bootstrap;
    if (how.config_file.empty() || !is_here(values)) {
        throw error(
            error_kind::unavailable,
            "broker_unreachable",
            fmt::format("no broker answers at {}", values.vault.url.front())
        );
    }
    start();
}

managed_broker::~managed_broker()
{
    stop();
}

void managed_broker::start()
{
    const auto& how = values_.vault.bootstrap;
    const auto folder = how.keys_file.has_parent_path() ? how.keys_file.parent_path() : path(".");
    std::filesystem::create_directories(folder);
    std::filesystem::create_directories(how.data_path);
    const auto log = (folder / "openbao.log").string();
    const auto option = "-config=" + how.config_file.string();
    auto binary = how.binary;
    std::string verb = "server";
    auto argument = option;
    const std::array<char*, 4> arguments{binary.data(), verb.data(), argument.data(), nullptr};
    const auto parent = ::getpid();

    child_ = ::fork();
    if (child_ < 0) {
        child_ = 0;
        throw error(error_kind::unavailable, "broker_start_failed", "no new process could be made");
    }
    if (child_ == 0) {  // only async-signal-safe calls from here to exec
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() != parent) ::_exit(126);
        ::setsid();  // an interrupt at the terminal is for migrate, which stops the broker last
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (out >= 0) {
            ::dup2(out, STDOUT_FILENO);
            ::dup2(out, STDERR_FILENO);
        }
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    tell_(fmt::format("broker    started ({}), log {}", how.binary, log));
    try {
        const auto deadline = std::chrono::steady_clock::now() + start_patience;
        while (run(look(values_)) == node_state::unreachable) {
            if (has_child_ended() || std::chrono::steady_clock::now() > deadline) {
                throw error(
                    error_kind::unavailable,
                    "broker_start_failed",
                    fmt::format("{} did not come up; see {}", how.binary, log)
                );
            }
            std::this_thread::sleep_for(look_interval);
        }
        run(bring_up(values_, tell_));
        while (run(look(values_)) != node_state::active) {
            if (has_child_ended() || std::chrono::steady_clock::now() > deadline) {
                throw error(
                    error_kind::unavailable,
                    "broker_start_failed",
                    fmt::format("{} did not become active; see {}", how.binary, log)
                );
            }
            std::this_thread::sleep_for(look_interval);
        }
    } catch (...) {
        stop();
        throw;
    }
}

bool managed_broker::has_child_ended() noexcept
{
    if (child_ == 0) return true;
    if (::waitpid(child_, nullptr, WNOHANG) == 0) return false;
    child_ = 0;
    return true;
}

void managed_broker::stop() noexcept
{
    if (child_ == 0) return;
    ::kill(child_, SIGTERM);
    const auto deadline = std::chrono::steady_clock::now() + stop_patience;
    while (!has_child_ended() && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(look_interval);
    if (child_ != 0) {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        child_ = 0;
    }
    try {  // the next start must find the port free
        while (std::chrono::steady_clock::now() < deadline && run(look(values_)) != node_state::unreachable) {
            std::this_thread::sleep_for(look_interval);
        }
        tell_("broker    stopped");
    } catch (const std::exception&) {
        // It has ended all the same.
    }
}

}  // namespace leasehold::cli
