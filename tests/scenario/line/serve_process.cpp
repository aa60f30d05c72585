#include "serve_process.hpp"

#include "eventually.hpp"
#include "the_line.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace leasehold::test {
namespace {

const char* facts_file()
{
    return std::getenv("LEASEHOLD_LINE");
}

nlohmann::json load_facts()
{
    std::ifstream in(facts_file());
    return nlohmann::json::parse(in);
}

// The kernel's start time of a process, as tools/demo/program.py records it.
std::string started_at(pid_t pid)
{
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    const auto end_of_name = text.rfind(')');
    if (end_of_name == std::string::npos) return {};
    std::istringstream fields(text.substr(end_of_name + 2));
    std::string field;
    for (int i = 0; i < 20; ++i) fields >> field;
    return field;
}

// A process of its own session that belongs to nobody here, so no test waits for it.
void launch(const std::string& log, const std::string& config)
{
    const pid_t child = ::fork();
    if (child == 0) {
        ::setsid();
        const int out = ::open(log.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
        const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        ::dup2(in, 0);
        ::dup2(out, 1);
        ::dup2(out, 2);
        if (::fork() != 0) ::_exit(0);
        std::ofstream(facts_file() + std::string(".pid")) << ::getpid();
        ::execl(LEASEHOLD_BINARY, LEASEHOLD_BINARY, "serve", "--dev", "--config", config.c_str(), nullptr);
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
}

// Silent routers count as dead, and a worker's hold on an operation has ended.
void let_time_pass()
{
    const auto registry = superuser_on("registry", "leasehold");
    registry->run_plain("update registry_router set seen_at = seen_at - interval '2 minutes'");
    registry->run_plain("update registry_operation set lease_until = now() where state = 'running'");
}

struct process
{
    pid_t pid = 0;
    std::string started;
    // Its number may be another's by now.
    [[nodiscard]] bool is_running() const { return started_at(pid) == started; }
};

process serve_of_the_line()
{
    const auto facts = load_facts();
    for (const auto& one : facts.at("processes")) {
        if (one.at("name") == "serve") return {one.at("pid"), one.at("started")};
    }
    throw std::runtime_error("the line has no serve");
}

}  // namespace

void begin_to_stop_serve()
{
    const auto serve = serve_of_the_line();
    if (serve.is_running()) ::kill(serve.pid, SIGTERM);
}

void kill_serve()
{
    const auto serve = serve_of_the_line();
    if (!serve.is_running()) return;
    ::kill(serve.pid, SIGKILL);
    if (!eventually([&] { return !serve.is_running(); })) throw std::runtime_error("serve does not end");
}

void start_serve()
{
    let_time_pass();
    auto facts = load_facts();
    const auto config = facts.at("config_file").get<std::string>();
    launch(facts.at("log_dir").get<std::string>() + "/serve.log", config);
    const bool is_ready = eventually(
        [&] {
            return run_shell(std::string(LEASEHOLD_BINARY) + " health --config " + config).exit_code == 0;
        },
        std::chrono::seconds(60)
    );
    pid_t pid = 0;
    std::ifstream(facts_file() + std::string(".pid")) >> pid;
    for (auto& process : facts.at("processes")) {
        if (process.at("name") != "serve") continue;
        process["pid"] = pid;
        process["started"] = started_at(pid);
    }
    facts["pids"]["serve"] = pid;
    std::ofstream(facts_file()) << facts.dump(2);
    if (!is_ready) throw std::runtime_error("serve is not ready");
}

}  // namespace leasehold::test
