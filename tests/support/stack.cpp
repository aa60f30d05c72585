#include "stack.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <stdexcept>

#ifdef __SANITIZE_ADDRESS__
// libpqxx 6.4 forgets one PGresult for each connection that is lost in use: encoding_id() throws before it is
// cleared (jtv/libpqxx#500, repaired in 7). About 2 KB each, and libpqxx stands behind one file of ours.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:libpqxx-6.4.so\n";
}
#endif

namespace leasehold::test {
namespace {

using nlohmann::json;

stack_server read_server(const json& facts, const std::string& ca_file)
{
    stack_server server;
    server.name = facts.at("name");
    server.version = facts.at("version");
    server.host = facts.at("host");
    server.port = facts.at("port");
    server.socket_dir = facts.at("socket_dir");
    server.superuser = facts.at("superuser");
    server.superuser_password_file = facts.at("superuser_password_file").get<std::string>();
    server.bin_dir = facts.at("bin_dir").get<std::string>();
    server.ca_file = facts.value("ca_file", ca_file);
    return server;
}

stack_broker read_broker(const json& facts)
{
    stack_broker broker;
    broker.url = facts.at("url");
    broker.version = facts.at("version");
    broker.binary = facts.at("binary").get<std::string>();
    broker.ca_file = facts.at("ca_file").get<std::string>();
    broker.root_token_file = facts.at("root_token_file").get<std::string>();
    broker.unseal_key_file = facts.value("unseal_key_file", std::string());
    return broker;
}

std::string shared_stack_file()
{
    const char* file = std::getenv("LEASEHOLD_TEST_STACK");
    if (file == nullptr) {
        throw std::runtime_error("LEASEHOLD_TEST_STACK is not set: tools/stack.py up --test --folder FOLDER, "
                                 "then name its stack.json");
    }
    return file;
}

}  // namespace

stack load_stack(const std::filesystem::path& file)
{
    const auto facts = json::parse(load_file(file));
    stack made;
    made.file = file;
    made.ca_file = facts.at("ca_file").get<std::string>();
    if (facts.contains("certificates") && facts["certificates"].contains("leasehold")) {
        const auto& own = facts["certificates"]["leasehold"];
        made.certificate.cert_file = own.at("cert_file").get<std::string>();
        made.certificate.key_file = own.at("key_file").get<std::string>();
    }
    for (const auto& server : facts.at("servers"))
        made.servers.push_back(read_server(server, made.ca_file.string()));
    if (facts.contains("broker") && facts["broker"].is_object()) made.broker = read_broker(facts["broker"]);
    return made;
}

int stack_server::major() const
{
    return std::stoi(version);
}

database::endpoint stack_server::superuser_endpoint(const std::string& database) const
{
    database::endpoint where;
    where.hosts.emplace_back(socket_dir, port);
    where.database = database;
    where.user = superuser;
    where.sslmode = "disable";
    where.application_name = "leasehold test";
    where.statement_timeout = std::chrono::seconds(60);  // CREATE and DROP DATABASE on a disk that others use
    return where;
}

database::endpoint stack_server::login_endpoint(
    const std::string& database, const std::string& user, std::string_view password
) const
{
    database::endpoint where;
    where.hosts.emplace_back(host, port);
    where.database = database;
    where.user = user;
    where.password = secret<std::string>(password);
    where.ca_file = ca_file.string();
    where.application_name = "leasehold test";
    return where;
}

const stack_server& stack::server(std::string_view name) const
{
    for (const auto& one : servers) {
        if (one.name == name) return one;
    }
    throw std::runtime_error("the stack has no server " + std::string(name));
}

const stack_server& stack::with_major(int major) const
{
    for (const auto& one : servers) {
        if (one.major() == major) return one;
    }
    throw std::runtime_error("the stack has no PostgreSQL " + std::to_string(major));
}

const stack& the_stack()
{
    static const auto loaded = load_stack(shared_stack_file());
    return loaded;
}

scratch_database::scratch_database(const stack_server& on, std::string_view hint)
    : on_(on)
    , name_(std::string(hint) + "_" + crypto::to_hex(crypto::random_bytes(6)))
    , password_(crypto::to_hex(crypto::random_bytes(16)))
{
    const auto session = database::connect(on_.superuser_endpoint());
    const auto quoted = session->quote_identifier(name_);
    session->run_plain("create role " + quoted + " login password " + session->quote_literal(password_));
    // Closed to PUBLIC before anybody may enter: a preflight of the same server looks for open ones.
    session->run_plain("create database " + quoted + " owner " + quoted + " allow_connections false");
    session->run_plain("revoke all on database " + quoted + " from public");
    session->run_plain("alter database " + quoted + " allow_connections true");
}

scratch_database::~scratch_database()
{
    try {
        const auto session = database::connect(on_.superuser_endpoint());
        const auto quoted = session->quote_identifier(name_);
        session->run_plain("drop database " + quoted + " with (force)");
        session->run_plain("drop role " + quoted);
    } catch (const std::exception& why) {
        ADD_FAILURE() << "the scratch database " << name_ << " could not be dropped: " << why.what();
    }
}

database::endpoint scratch_database::endpoint() const
{
    return on_.login_endpoint(name_, name_, password_);
}

}  // namespace leasehold::test
