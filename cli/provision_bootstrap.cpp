#include "command.hpp"
#include "failure.hpp"
#include "local_config.hpp"
#include "output.hpp"
#include "secret_reference.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/control-plane/bootstrap.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

struct wish
{
    std::optional<std::string> server;
    std::optional<std::string> bao_address;
    std::optional<std::string> bao_token;
    std::optional<std::string> identities;
    std::optional<std::string> sql_out;
    bool dry_run = false;
};

secret<std::string> token_of(const invocation& how, const wish& what, const config& values)
{
    if (what.bao_token) return load_reference(how, *what.bao_token, "secret_on_command_line");
    auto given = how.variable("BAO_TOKEN");
    if (given && !given->empty()) return secret<std::string>::take(std::move(*given));
    const auto& file = values.vault.bootstrap.token_file;
    if (!file.empty()) return load_secret_line(file);
    throw usage_error("no token for the broker: --bao-token env:NAME, file:PATH or -, else BAO_TOKEN, else "
                      "vault.bootstrap.token_file");
}

int bootstrap(const invocation& how, const wish& what)
{
    auto values = load_local_config(how).values;
    configure_log(values.log);
    if (what.bao_address) values.vault.url = {*what.bao_address};
    control_plane::bootstrap_request request;
    request.bao_token = token_of(how, what, values);
    request.server = what.server;
    if (what.identities) request.identities_folder = *what.identities;
    if (what.sql_out) request.sql_out = *what.sql_out;
    request.dry_run = what.dry_run;
    if (what.sql_out && !what.server && values.provisioning.servers.size() != 1)
        throw usage_error("--sql-out is the script of one server: name it by --server");
    const auto report = [&how](const control_plane::bootstrap_event& event) {
        if (how.json) {
            print_json({{"what", event.what}, {"outcome", event.outcome}});
        } else {
            print(fmt::format("{:<44}  {}", event.what, event.outcome));
        }
    };
    run(control_plane::provision_bootstrap(values, std::move(request), report));
    if (what.dry_run) return 0;
    note(how, "done; the token is not needed any more: revoke it if it was made for this");
    return 0;
}

}  // namespace

// Broker and PostgreSQL servers, prepared once; safe to repeat.
void declare_provision_bootstrap(command& at, const invocation& how)
{
    const auto what = std::make_shared<wish>();
    at.option("--server", what->server, "only this one of provisioning.servers");
    at.option("--bao-addr", what->bao_address, "URL of the broker (default: vault.url)");
    at.option(
        "--bao-token",
        what->bao_token,
        "env:NAME, file:PATH or - for the standard input; never the token itself"
    );
    at.option(
        "--issue-identities",
        what->identities,
        "folder for role and secret ids (default: the configured files)"
    );
    at.option(
        "--sql-out", what->sql_out, "write what a superuser has to run into this new file instead of doing it"
    );
    at.flag("--dry-run", what->dry_run, "say what would be made, change nothing");
    at.runs([&how, what] { return bootstrap(how, *what); });
}

}  // namespace leasehold::cli
