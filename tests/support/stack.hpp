#pragma once

#include <leasehold/database/session.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::test {

// One PostgreSQL server of the running stack.
struct stack_server
{
    std::string name;     // registry, eu-1, us-1
    std::string version;  // 15.18
    std::string host;
    std::uint16_t port = 0;
    std::string socket_dir;
    std::string superuser;
    std::filesystem::path superuser_password_file;
    std::filesystem::path bin_dir;

    [[nodiscard]] int major() const;
    // As superuser through the socket; nothing but peer authentication is needed.
    [[nodiscard]] database::endpoint superuser_endpoint(const std::string& database = "postgres") const;
    // Over TCP with TLS, as a login that the test made.
    [[nodiscard]] database::endpoint
    login_endpoint(const std::string& database, const std::string& user, std::string_view password) const;

    std::filesystem::path ca_file;
};

struct stack_broker
{
    std::string url;
    std::string version;
    std::filesystem::path binary;
    std::filesystem::path ca_file;
    std::filesystem::path root_token_file;
    std::filesystem::path unseal_key_file;
};

struct stack_certificate
{
    std::filesystem::path cert_file;
    std::filesystem::path key_file;
};

// What tools/stack.py started, read from the file that LEASEHOLD_TEST_STACK names. Without it a test fails.
struct stack
{
    std::filesystem::path file;
    std::filesystem::path ca_file;
    stack_certificate certificate;  // "leasehold": localhost and the loopback addresses
    std::vector<stack_server> servers;
    stack_broker broker;

    [[nodiscard]] const stack_server& server(std::string_view name) const;
    [[nodiscard]] const stack_server& with_major(int major) const;
};

const stack& the_stack();
// Another one, by its stack.json.
stack load_stack(const std::filesystem::path& file);

// A fresh database of its own on one server, with a login that owns it; both are dropped at the end, with
// every connection.
class scratch_database
{
public:
    explicit scratch_database(
        const stack_server& on = the_stack().server("registry"), std::string_view hint = "scratch"
    );
    ~scratch_database();
    scratch_database(const scratch_database&) = delete;
    scratch_database& operator=(const scratch_database&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const stack_server& server() const noexcept { return on_; }
    // As the owner, over TCP with TLS and a password.
    [[nodiscard]] database::endpoint endpoint() const;
    // As superuser, through the socket.
    [[nodiscard]] database::endpoint superuser_endpoint() const { return on_.superuser_endpoint(name_); }
    [[nodiscard]] const std::string& owner() const noexcept { return name_; }
    [[nodiscard]] const std::string& password() const noexcept { return password_; }

private:
    const stack_server& on_;
    std::string name_;
    std::string password_;
};

}  // namespace leasehold::test
