#pragma once

#include "scratch_folder.hpp"
#include "stack.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/database/session.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace leasehold::test {

// A whole installation of a test's own on the shared stack: a registry with its rows, identities at the
// broker, the servers eu-1 (PostgreSQL 15) and us-1 (17) prepared and with a template of the built-in tenant
// chain. The first of a stack is made by the product's own means (deploy/registry.sql, migrate,
// provision-bootstrap); later ones are copies of its registry under an installation id of their own. What a
// test provisioned is taken away at the end, in whatever state it is. Blocking; one thread.
class installation
{
public:
    installation();
    ~installation();
    installation(const installation&) = delete;
    installation& operator=(const installation&) = delete;

    // Registry, broker and servers as they are, multi-tenancy on, listeners on any free port of the loopback;
    // the rest has its default. A test may change its copy.
    [[nodiscard]] const leasehold::config& config() const noexcept { return values_; }
    [[nodiscard]] const installation_id& id() const noexcept { return id_; }
    [[nodiscard]] const std::filesystem::path& folder() const noexcept
    {
        return folder_.path();
    }  // removed at the end

    // The registry, as superuser.
    void run(const std::string& sql) const { registry_->run_plain(sql); }
    [[nodiscard]] std::vector<database::row> rows(const std::string& sql) const
    {
        return registry_->run_plain_rows(sql);
    }

private:
    void remove_tenants() const;

    scratch_folder folder_;
    leasehold::config values_;
    std::unique_ptr<database::session> registry_;
    installation_id id_;
};

// The servers of the stack that hold tenants: eu-1, us-1.
std::vector<std::string> tenant_servers();

// deploy/registry.sql on the stack's registry server: `database`, and the logins <logins>_control, _router
// and _migrate with passwords in `folder`. Under the stack's lock.
registry_config
make_registry(const std::string& database, const std::string& logins, const std::filesystem::path& folder);

// A configuration of both servers, the broker and this registry; identities lie in `folder`.
leasehold::config installation_config(registry_config registry, const std::filesystem::path& folder);

// Runs `work` while no other test of this stack changes what all share: roles of the registry's server, the
// broker's identities, the servers' roles.
void with_stack_lock(const std::function<void()>& work);

}  // namespace leasehold::test
