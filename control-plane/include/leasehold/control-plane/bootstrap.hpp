#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/base/secret.hpp>
#include <leasehold/base/task.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace leasehold::control_plane {

// What bootstrap did about one thing: made, was there, or differs (and then it stops).
struct bootstrap_event
{
    std::string what;     // "broker policy leasehold-router", "eu-1 provisioner"
    std::string outcome;  // made, would be made, was there, or a finding's text
};

struct bootstrap_request
{
    secret<std::string> bao_token;
    std::optional<std::string> server;  // only this one of provisioning.servers
    std::optional<std::filesystem::path>
        identities_folder;  // role and secret ids go here; else to the configured files
    // Where no superuser may log in: what it has to do goes into this file (new, 0600, verifiers alone), and
    // the next call goes on from there. With one server only.
    std::optional<std::filesystem::path> sql_out;
    bool dry_run = false;  // looks and tells, changes nothing
};

// Prepares broker and PostgreSQL servers, once; safe to repeat. Afterwards no superuser login and no
// bootstrap token is used: the provisioner's password lies in the broker, and the broker alone knows its own.
// Identities are written to the files the configuration names where those do not exist yet. On the caller's
// lane; blocking parts included (a command-line tool). Errors: broker_*, database_*, conflict
// bootstrap_differs, conflict file_exists, invalid preflight_failed (findings were reported before).
task<void> provision_bootstrap(
    const config& values, bootstrap_request request, std::function<void(const bootstrap_event&)> report
);

}  // namespace leasehold::control_plane
