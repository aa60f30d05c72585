#pragma once

#include <leasehold/base/secret.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

// The reference agent: enrolls a host with a token, keeps what it collects in a spool on disk, and sends it
// to the gateway until the gateway has answered that it is committed. Speaks HTTP only.
namespace leasehold::agent {

struct agent_config
{
    struct server_settings
    {
        std::string url;                // https://host[:port]; plain http on loopback only
        std::filesystem::path ca_file;  // PEM; empty: the system's
    } server;
    struct security_settings
    {
        secret<std::string> enrollment_token;  // not needed once enrolled
        std::filesystem::path enrollment_token_file;
        std::filesystem::path state_dir = "/var/lib/leasehold-agent";
    } security;
    struct host_settings
    {
        std::string name;  // empty: the host's name
        std::string cluster_name;
        std::map<std::string, std::string> labels;
    } host;
    struct spool_settings
    {
        std::int64_t max_bytes = std::int64_t{256} << 20;
        std::int64_t segment = std::int64_t{1} << 20;
        std::chrono::milliseconds sync{1000};
    } spool;
    struct interval_settings
    {
        std::chrono::milliseconds inventory{std::chrono::hours(6)};
        std::chrono::milliseconds packages{std::chrono::hours(24)};
    } intervals;

    std::filesystem::path file;  // where it was read from, for what people are told
    int token_line = 0;          // of security.enrollment_token; 0: not in the file
};

// Reads the YAML file; a file that holds the token must give nothing to others. Throws config_error with
// every problem, and invalid "config_world_readable".
agent_config load_agent_config(const std::filesystem::path& file);

struct agent_options
{
    bool once = false;     // enroll if needed, collect, send all there is, end
    bool status = false;   // print state and spool as one JSON object and end; works beside a running agent
    std::stop_token stop;  // besides SIGINT and SIGTERM
};

// Runs on the calling thread until it is told to stop. What lies in the spool then is sent by the next start.
// Errors: conflict "already_running", "machine_changed"; internal "identity_damaged"; with `once` also what
// ended it before everything was sent: the gateway's code, or unavailable.
void run_agent(agent_config config, const agent_options& how);

}  // namespace leasehold::agent
