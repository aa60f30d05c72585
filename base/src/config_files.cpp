#include <leasehold/base/config.hpp>
#include <leasehold/base/file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace leasehold {
namespace {

enum class need : std::uint8_t
{
    secret,          // must be there and closed to others
    secret_or_none,  // the product makes it on first use
    readable,        // a certificate, a configuration of the broker
    folder,
};

// What samples say, and one character over and over (a key of zeros).
bool is_sample(std::string_view text)
{
    constexpr std::array<std::string_view, 9> known{
        "admin", "changeme", "change-me", "example", "leasehold", "password", "postgres", "secret", "test"};
    const auto line = text.substr(0, text.find_first_of("\r\n"));
    return std::find(known.begin(), known.end(), line) != known.end() ||
           (!line.empty() && line.find_first_not_of(line.front()) == std::string_view::npos);
}

class file_checks
{
public:
    file_checks(std::vector<config_problem>& problems, bool is_development)
        : problems_(problems)
        , is_development_(is_development)
    {}

    void look(std::string_view key, const path& file, need how)
    {
        if (file.empty()) return;
        std::error_code failed;
        if (how == need::secret_or_none && !std::filesystem::exists(file, failed)) return;
        if (how == need::folder) {
            if (!std::filesystem::is_directory(file, failed))
                problems_.push_back(
                    {std::string(key), 0, fmt::format("folder_missing: {} is no folder", file.native())}
                );
            return;
        }
        try {
            if (how == need::readable) {
                static_cast<void>(load_file(file));
            } else if (is_sample(load_secret_file(file).reveal()) && !is_development_) {
                throw error(
                    error_kind::invalid,
                    "secret_is_sample",
                    file.native() + " holds a secret that everybody knows"
                );
            }
        } catch (const error& bad) {
            problems_.push_back({std::string(key), 0, bad.what()});
        }
    }

    void look_at_tls(const std::string& section, const tls_files& files)
    {
        look(section + ".cert_file", files.cert_file, need::readable);
        look(section + ".key_file", files.key_file, need::secret);
    }

    void look_at_identity(const std::string& section, const broker_identity_config& identity)
    {
        if (identity.method == "token") {
            look(section + ".token_file", identity.token_file, need::secret);
            return;
        }
        look(section + ".role_id_file", identity.role_id_file, need::secret);
        look(section + ".secret_id_file", identity.secret_id_file, need::secret);
    }

private:
    std::vector<config_problem>& problems_;
    bool is_development_;
};

}  // namespace

std::vector<config_problem> check_files(const config& values, bool is_development)
{
    std::vector<config_problem> problems;
    file_checks checks(problems, is_development);
    const auto& registry = values.registry;
    if (registry.sslmode == "verify-full") checks.look("registry.ca_file", registry.ca_file, need::readable);
    checks.look("registry.control_plane.password_file", registry.control_plane.password_file, need::secret);
    checks.look("registry.router.password_file", registry.router.password_file, need::secret);
    checks.look("registry.migrate.password_file", registry.migrate.password_file, need::secret);
    if (!values.shared.hosts.empty()) {
        if (values.shared.sslmode == "verify-full")
            checks.look("shared.ca_file", values.shared.ca_file, need::readable);
        checks.look("shared.migrate.password_file", values.shared.migrate.password_file, need::secret);
    }
    checks.look("security.hmac_key_file", values.security.hmac_key_file, need::secret_or_none);
    if (values.vault.enabled) {
        checks.look("vault.ca_file", values.vault.ca_file, need::readable);
        checks.look_at_identity("vault.auth.router", values.vault.auth.router);
        checks.look_at_identity("vault.auth.provisioner", values.vault.auth.provisioner);
        checks.look("vault.bootstrap.config_file", values.vault.bootstrap.config_file, need::readable);
        checks.look("vault.bootstrap.keys_file", values.vault.bootstrap.keys_file, need::secret_or_none);
        checks.look("vault.bootstrap.token_file", values.vault.bootstrap.token_file, need::secret_or_none);
    }
    checks.look_at_tls("control_plane.tls", values.control_plane.tls);
    checks.look(
        "control_plane.bootstrap.key_file", values.control_plane.bootstrap.key_file, need::secret_or_none
    );
    checks.look(
        "control_plane.bootstrap.supplied_key_file",
        values.control_plane.bootstrap.supplied_key_file,
        need::secret
    );
    checks.look_at_tls("router.tls", values.router.tls);
    checks.look_at_tls("agents.tls", values.agents.tls);
    for (const auto& server : values.provisioning.servers) {
        checks.look("provisioning.servers " + server.name + " ca_file", server.ca_file, need::readable);
        // The superuser's password is for one use; afterwards it may be gone.
        checks.look(
            "provisioning.servers " + server.name + " superuser_password_file",
            server.superuser_password_file,
            need::secret_or_none
        );
    }
    checks.look("migrations.tenant_dir", values.migrations.tenant_dir, need::folder);
    checks.look("metrics.token_file", values.metrics.token_file, need::secret);
    return problems;
}

}  // namespace leasehold
