#include "the_line.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <sys/wait.h>

namespace leasehold::test {
namespace {

std::string first_line(const std::string& file)
{
    std::ifstream in(file);
    std::string line;
    if (!std::getline(in, line)) throw std::runtime_error(file + " cannot be read");
    return line;
}

}  // namespace

const nlohmann::json& the_line()
{
    static const nlohmann::json facts = [] {
        const char* file = std::getenv("LEASEHOLD_LINE");
        if (file == nullptr) throw std::runtime_error("LEASEHOLD_LINE is not set: run this test by ctest");
        std::ifstream in(file);
        return nlohmann::json::parse(in);
    }();
    return facts;
}

const nlohmann::json& server_named(const std::string& name)
{
    for (const auto& one : the_line().at("servers")) {
        if (one.at("name") == name) return one;
    }
    throw std::runtime_error("no server " + name);
}

tenant_of_line tenant(const std::string& slug)
{
    for (const auto& one : the_line().at("tenants")) {
        if (one.at("slug") != slug) continue;
        tenant_of_line found{slug, one.at("database"), one.at("server"), one.at("dsn_file"), {}};
        const auto folder = found.dsn_file.substr(0, found.dsn_file.rfind('/'));
        const auto dsn = first_line(found.dsn_file);
        found.uri = std::regex_replace(dsn, std::regex("://([^:]+):[^@]+@"), "://$1@") +
                    "&passfile=" + folder + "/" + slug + ".passfile";
        return found;
    }
    throw std::runtime_error("no tenant " + slug);
}

finished run_shell(const std::string& command)
{
    const auto whole = "unset ${!PG*}; " + command;
    const auto quoted = std::regex_replace(whole, std::regex("'"), "'\\''");
    std::FILE* pipe = ::popen(("bash -c '" + quoted + "' 2>&1").c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("popen failed");
    finished done;
    std::array<char, 4096> buffer{};
    while (const auto count = std::fread(buffer.data(), 1, buffer.size(), pipe))
        done.output.append(buffer.data(), count);
    const int status = ::pclose(pipe);
    done.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return done;
}

std::string client_program(const std::string& server, const std::string& name)
{
    // Beside the server's own programs; the launcher's facts know where.
    const auto folder = the_line().at("stack_folder").get<std::string>();
    if (server == "us-1") return folder + "/postgresql-17/bin/" + name;
    return "/usr/lib/postgresql/15/bin/" + name;
}

std::string psql(const tenant_of_line& as, const std::string& sql)
{
    return client_program(as.server, "psql") + " -X -q -A -t '" + as.uri + "' -c \"" + sql + "\"";
}

void expect_served(const tenant_of_line& as)
{
    const auto done = run_shell(psql(as, "select current_database()"));
    EXPECT_EQ(done.exit_code, 0) << done.output;
    EXPECT_NE(done.output.find(as.database), std::string::npos) << done.output;
}

std::unique_ptr<database::session> superuser_on(const std::string& server, const std::string& database)
{
    const auto& facts = server_named(server);
    database::endpoint where;
    where.hosts.emplace_back(facts.at("socket_dir"), facts.at("port"));
    where.database = database;
    where.user = facts.at("superuser");
    where.sslmode = "disable";
    where.application_name = "leasehold test";
    where.search_path = "public, pg_temp";
    return database::connect(where);
}

std::string on_server(const tenant_of_line& where, const std::string& sql)
{
    const auto rows = superuser_on(where.server, where.database)->run_plain_rows(sql);
    return rows.empty() ? std::string() : rows.at(0)[0].value_or("");
}

finished run_stack(const std::string& action)
{
    const std::string facts = std::getenv("LEASEHOLD_LINE");
    return run_shell(
        std::string("/usr/bin/python3 ") + LEASEHOLD_SOURCE_FOLDER + "/tools/stack.py " + action +
        " --quiet --folder " + facts.substr(0, facts.rfind('/'))
    );
}

finished run_broker(const std::string& arguments)
{
    const auto& broker = the_line().at("broker");
    const auto of = [&](const char* fact) { return broker.at(fact).get<std::string>(); };
    return run_shell(
        "BAO_ADDR=" + of("url") + " BAO_CACERT=" + the_line().at("ca_file").get<std::string>() +
        " BAO_TOKEN=$(cat " + of("root_token_file") + ") " + of("binary") + " " + arguments
    );
}

finished run_leasehold(const std::string& arguments)
{
    const auto& facts = the_line();
    return run_shell(
        "export LEASEHOLD_SERVER=" + facts.at("api_url").get<std::string>() +
        " LEASEHOLD_KEY=file:" + facts.at("owner_key_file").get<std::string>() +
        " LEASEHOLD_CA=" + facts.at("ca_file").get<std::string>() + "; " + LEASEHOLD_BINARY + " " + arguments
    );
}

}  // namespace leasehold::test
