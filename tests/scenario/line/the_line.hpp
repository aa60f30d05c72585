#pragma once

#include <leasehold/database/session.hpp>

#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace leasehold::test {

// The installation that the fixture `line_up` has brought up (tools/demo.py with this build's binary): its
// demo.json.
const nlohmann::json& the_line();

// Its facts of one server: registry, eu-1, us-1.
const nlohmann::json& server_named(const std::string& name);

struct tenant_of_line
{
    std::string slug;
    std::string database;
    std::string server;
    std::string dsn_file;
    std::string uri;  // libpq's, without the key: that is in a password file
};
tenant_of_line tenant(const std::string& slug);

struct finished
{
    int exit_code = -1;
    std::string output;  // both streams
};
// Runs a shell command with a clean environment for PostgreSQL's clients.
finished run_shell(const std::string& command);

// Client programs of PostgreSQL, of the version of that server.
std::string client_program(const std::string& server, const std::string& name);
// The shell command that asks the tenant's database through the router, by its key.
std::string psql(const tenant_of_line& as, const std::string& sql);
void expect_served(const tenant_of_line& as);
// A superuser's session on a server of the line.
std::unique_ptr<database::session> superuser_on(const std::string& server, const std::string& database);
// As superuser, straight on the tenant's server.
std::string on_server(const tenant_of_line& where, const std::string& sql);
// One action on the servers behind the line, by the launcher that started them: "server stop eu-1".
finished run_stack(const std::string& action);
// The broker's own client, with its root token.
finished run_broker(const std::string& arguments);
// `leasehold` with the owner key.
finished run_leasehold(const std::string& arguments);

}  // namespace leasehold::test
