#include "scratch_broker.hpp"

#include "free_port.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/http/client.hpp>

#include <chrono>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace leasehold::test {
namespace {

namespace vc = leasehold::vault_client;
using namespace std::chrono_literals;

}  // namespace

scratch_broker::scratch_broker(begin how)
    : folder_(
          std::filesystem::temp_directory_path() /
          ("leasehold-bao-" + crypto::to_hex(crypto::random_bytes(5)))
      )
    , port_(free_port())
{
    url_ = "http://127.0.0.1:" + std::to_string(port_);
    static_cast<void>(the_stack());  // throws before anything is made
    std::filesystem::create_directories(folder_ / "data");
    store_file(
        folder_ / "bao.hcl",
        "storage \"pebbledb\" { path = \"" + (folder_ / "data").string() +
            "\" }\nlistener \"tcp\" { address = \"127.0.0.1:" + std::to_string(port_) +
            "\" tls_disable = true }\ndisable_mlock = true\napi_addr = \"" + url_ + "\"\n"
    );
    if (::geteuid() == 0) {
        const auto* user = ::getpwnam("postgres");
        if (user == nullptr) throw std::runtime_error("no user postgres");
        for (const auto& one : {folder_, folder_ / "data", folder_ / "bao.hcl"}) {
            if (::chown(one.c_str(), user->pw_uid, user->pw_gid) != 0)
                throw std::runtime_error("chown " + one.string());
        }
    }
    start();
    if (how == begin::uninitialised) return;
    auto made = vc::create_vault_setup(settings());
    auto keys = run(made->initialise(1, 1));
    root_token_ = std::make_shared<const secret<std::string>>(std::move(keys.root_token));
    unseal_key_ = std::move(keys.unseal_keys.at(0));
    unseal();
    made = setup();
    run(made->enable_mount(vc::mount_name("database"), "database", {}));
    run(made->enable_mount(vc::mount_name("secret"), "kv", {{"version", "2"}}));
    run(made->enable_mount(vc::mount_name("transit"), "transit", {}));
    run(made->enable_auth(vc::mount_name("approle"), "approle"));
}

scratch_broker::~scratch_broker()
{
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

vc::broker_settings scratch_broker::settings() const
{
    vc::broker_settings result;
    result.nodes = {url_};
    return result;
}

std::unique_ptr<vc::broker_setup> scratch_broker::setup() const
{
    auto made = vc::create_vault_setup(settings());
    made->use_token(root_token_);
    return made;
}

std::unique_ptr<vc::broker> scratch_broker::root() const
{
    auto made = vc::create_vault_broker(settings());
    made->use_token(root_token_);
    return made;
}

void scratch_broker::start()
{
    const auto binary = the_stack().broker.binary.string();
    const auto config = "-config=" + (folder_ / "bao.hcl").string();
    const auto log = (folder_ / "bao.log").string();
    const auto* user = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr;
    const auto parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves no broker
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        ::dup2(out, 1);
        ::dup2(out, 2);
        if (::getppid() != parent) ::_exit(1);
        if (user != nullptr) {
            if (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0) ::_exit(2);
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // setuid forgets it
        }
        ::execl(binary.c_str(), "bao", "server", config.c_str(), static_cast<char*>(nullptr));
        ::_exit(127);
    }
    wait_until_it_answers();
}

void scratch_broker::wait_until_it_answers()
{
    const auto limit = std::chrono::steady_clock::now() + 30s;
    for (;;) {
        try {
            auto probe = vc::create_vault_setup(settings());
            run(probe->seal_status());
            return;
        } catch (const std::exception& why) {
            int status = 0;
            if (::waitpid(pid_, &status, WNOHANG) == pid_ || std::chrono::steady_clock::now() > limit) {
                throw std::runtime_error(std::string("the broker does not come up: ") + why.what());
            }
        }
        std::this_thread::sleep_for(20ms);
    }
}

void scratch_broker::kill()
{
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
}

void scratch_broker::seal()
{
    const auto with = setup();
    run(with->seal());
}

void scratch_broker::unseal()
{
    const auto with = vc::create_vault_setup(settings());
    const auto report = run(with->unseal(unseal_key_));
    if (report.sealed) throw std::runtime_error("the broker stays sealed");
    const auto limit = std::chrono::steady_clock::now() + 30s;
    const auto probe = vc::create_vault_broker(settings());
    while (run(probe->health()).state != vc::node_state::active) {
        if (std::chrono::steady_clock::now() > limit)
            throw std::runtime_error("the broker does not become active");
        std::this_thread::sleep_for(10ms);
    }
}

void scratch_broker::revoke_prefix_by_operator(const std::string& prefix)
{
    http::client client(*http::origin::parse(url_), http::client_settings());
    http::request request(http::method::post, "/v1/sys/leases/revoke-prefix/" + prefix);
    request.fields.set("X-Vault-Token", std::string(root_token_->reveal()));
    request.fields.set("X-Vault-Request", "true");
    request.body = R"({"sync":true})";
    const auto answer = run(client.send(std::move(request), 60s));
    if (answer.status != 204) throw std::runtime_error("revoke-prefix: " + std::to_string(answer.status));
}

}  // namespace leasehold::test
