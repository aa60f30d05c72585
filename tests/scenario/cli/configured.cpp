#include "configured.hpp"

#include "eventually.hpp"
#include "free_port.hpp"
#include "installation.hpp"
#include "test_license.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace leasehold::test {
namespace {

namespace fs = std::filesystem;

// Every key with its value, in the sections that its name says.
std::string to_yaml(const leasehold::config& values)
{
    std::string text;
    std::string previous;
    for (const auto& [key, value, origin] : effective_values({values, {}})) {
        std::size_t depth = 0;
        std::size_t begin = 0;
        for (auto dot = key.find('.'); dot != std::string::npos; dot = key.find('.', begin), ++depth) {
            const auto name = key.substr(begin, dot - begin);
            if (previous.compare(0, dot + 1, key, 0, dot + 1) != 0)
                text += fmt::format("{:{}}{}:\n", "", 2 * depth, name);
            begin = dot + 1;
        }
        text += fmt::format("{:{}}{}: {}\n", "", 2 * depth, key.substr(begin), value);
        previous = key;
    }
    return text;
}

}  // namespace

empty_registry::empty_registry()
{
    const auto name = "cli_" + crypto::to_hex(crypto::random_bytes(6));
    config_ = make_registry(name, name, folder_.path());
}

empty_registry::~empty_registry()
{
    try {
        const auto session = database::connect(the_stack().server("registry").superuser_endpoint());
        session->run_plain(fmt::format("drop database if exists {} with (force)", config_.database));
        for (const auto* login : {&config_.control_plane, &config_.router, &config_.migrate})
            session->run_plain("drop role " + login->user);
    } catch (const std::exception& why) {
        ADD_FAILURE() << "the registry was not dropped: " << why.what();
    }
}

database::endpoint empty_registry::as_superuser() const
{
    return the_stack().server("registry").superuser_endpoint(config_.database);
}

configured::configured(leasehold::config from) : values(std::move(from))
{
    const auto listener = [] { return address{"127.0.0.1", free_port(), {}}; };
    values.control_plane.listen = listener();
    values.control_plane.public_url = "http://" + values.control_plane.listen.to_string();
    values.control_plane.bootstrap.key_file = folder_ / "owner-key";
    values.router.listen = {listener()};
    values.agents.listen = listener();
    values.metrics.listen = listener();
    values.security.hmac_key_file = folder_ / "hmac-key";
    values.limits.drain_timeout = std::chrono::seconds(5);
    values.license.file = folder_ / "license.jws";
    if (values.multitenancy.enabled) store_file(values.license.file, make_license() + "\n");
    save();
}

void configured::save() const
{
    store_file(file(), to_yaml(values));
}

std::string configured::agents() const
{
    return "http://" + values.agents.listen.to_string();
}

database::endpoint configured::client(const std::string& slug, const std::string& key) const
{
    database::endpoint where;
    where.hosts.emplace_back("127.0.0.1", values.router.listen.front().port);
    where.database = slug;
    where.user = key.substr(7, 22);
    where.password = secret<std::string>(key);
    where.sslmode = "disable";
    where.search_path = "public";
    where.connect_timeout = std::chrono::seconds(20);
    where.statement_timeout = std::chrono::seconds(100);
    return where;
}

ended configured::local(std::vector<std::string> arguments) const
{
    arguments.insert(arguments.end(), {"--dev", "--config", file().string()});
    return leasehold(std::move(arguments));
}

ended configured::call(std::vector<std::string> arguments) const
{
    const auto key = "file:" + values.control_plane.bootstrap.key_file.string();
    arguments.insert(arguments.begin(), {"--server", api(), "--key", key});
    return leasehold(std::move(arguments));
}

std::unique_ptr<program> configured::serve(std::vector<std::string> more) const
{
    std::vector<std::string> arguments{"serve", "--dev", "--config", file().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto running = std::make_unique<program>(LEASEHOLD_BINARY, std::move(arguments));
    const bool has_ended_or_is_ready = eventually(
        [&] { return !running->is_running() || local({"health"}).exit_code == 0; }, std::chrono::seconds(60)
    );
    if (!has_ended_or_is_ready || !running->is_running())
        throw std::runtime_error("serve is not ready: " + running->err());
    return running;
}

}  // namespace leasehold::test
