#include "command.hpp"
#include "failure.hpp"

#include <leasehold/base/config_value.hpp>
#include <leasehold/base/secret.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <deque>
#include <iostream>

extern char** environ;

namespace leasehold::cli {
namespace {

struct subcommand
{
    const char* name;
    const char* about;
    void (*declare)(command& at, const invocation& how);
};

constexpr std::array subcommands{
    subcommand{"serve", "run control plane, router and agent gateway", &declare_serve},
    subcommand{"agent", "run the agent of one host", &declare_agent},
    subcommand{
        "migrate", "bring registry, shared and tenant databases to this release's schema", &declare_migrate},
    subcommand{
        "provision-bootstrap", "prepare broker and PostgreSQL servers, once", &declare_provision_bootstrap},
    subcommand{"config", "check, show or explain the configuration", &declare_config},
    subcommand{"license", "show, install or issue a license", &declare_license},
    subcommand{"doctor", "look at everything this installation depends on", &declare_doctor},
    subcommand{"health", "ask a running process whether it is ready", &declare_health},
    subcommand{"version", "print the version", &declare_version},
    subcommand{"whoami", "who the API key belongs to", &declare_whoami},
    subcommand{"status", "the installation as its control plane sees it", &declare_status},
    subcommand{"tenant", "tenants, and the operations on them", &declare_tenant},
    subcommand{"server", "PostgreSQL servers", &declare_server},
    subcommand{"token", "enrollment tokens", &declare_token},
    subcommand{"key", "API keys", &declare_key},
    subcommand{"host", "managed machines", &declare_host},
    subcommand{"operation", "durable work", &declare_operation},
};

std::optional<std::string> variable(const std::string& name)
{
    const char* value =
        std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody writes the environment
    if (value == nullptr) return std::nullopt;
    return value;
}

std::map<std::string, std::string> configuration_variables()
{
    std::map<std::string, std::string> found;
    for (char** one = environ; *one != nullptr; ++one) {
        const std::string_view entry(*one);
        const auto equals = entry.find('=');
        if (entry.rfind("LEASEHOLD__", 0) != 0 || equals == std::string_view::npos) continue;
        found.emplace(entry.substr(0, equals), entry.substr(equals + 1));
    }
    return found;
}

// Whatever is said here may end in JSON.
bool is_utf8(std::string_view text)
{
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = [&](std::size_t i) {
            return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
        };
        const unsigned lead = byte(at);
        const unsigned next = byte(at + 1);
        std::size_t more = 0;
        if (lead >= 0xF0)
            more = 3;
        else if (lead >= 0xE0)
            more = 2;
        else if (lead >= 0x80)
            more = 1;
        const bool is_lead = lead < 0x80 || (lead >= 0xC2 && lead <= 0xF4);
        const bool is_short =
            (lead != 0xE0 || next >= 0xA0) && (lead != 0xF0 || next >= 0x90);  // no overlong form
        const bool is_known = (lead != 0xED || next < 0xA0) && (lead != 0xF4 || next < 0x90);  // no surrogate
        if (!is_lead || !is_short || !is_known) return false;
        for (std::size_t i = 1; i <= more; ++i)
            if ((byte(at + i) & 0xC0U) != 0x80) return false;
        at += more + 1;
    }
    return true;
}

milliseconds to_duration(const std::string& option, const std::string& text)
{
    milliseconds value{0};
    if (const auto bad = read_value(parse_scalar(text), value)) throw CLI::ValidationError(option, *bad);
    return value;
}

// A command over CLI11. What was chosen is run after the whole line was read.
class cli11_command final : public command
{
public:
    cli11_command(CLI::App& app, std::function<int()>& chosen) : app_(app), chosen_(chosen)
    {
        app_.fallthrough();
    }

    command& sub(const std::string& name, const std::string& about) override
    {
        app_.require_subcommand(subs_are_optional_ ? 0 : 1, 1);
        return subs_.emplace_back(*app_.add_subcommand(name, about), chosen_);
    }
    void subs_are_optional() override
    {
        subs_are_optional_ = true;
        app_.require_subcommand(0, 1);
    }

    void argument(const std::string& name, std::string& into, const std::string& about) override
    {
        app_.add_option(name, into, about)->required();
    }
    void optional_argument(const std::string& name, std::string& into, const std::string& about) override
    {
        app_.add_option(name, into, about);
    }
    void option(const std::string& name, std::string& into, const std::string& about) override
    {
        app_.add_option(name, into, about);
    }
    void option(const std::string& name, std::optional<std::string>& into, const std::string& about) override
    {
        app_.add_option_function<std::string>(
            name, [&into](const std::string& text) { into = text; }, about
        );
    }
    void option(const std::string& name, std::optional<std::int64_t>& into, const std::string& about) override
    {
        app_.add_option_function<std::string>(
            name,
            [&into, name](const std::string& text) {
                int value = 0;
                if (const auto bad = read_value(parse_scalar(text), value))
                    throw CLI::ValidationError(name, *bad);
                into = value;
            },
            about
        );
    }
    void option(const std::string& name, std::vector<std::string>& into, const std::string& about) override
    {
        app_.add_option_function<std::string>(
                name, [&into](const std::string& text) { into.push_back(text); }, about
        )
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
            ->trigger_on_parse();
    }
    void option(const std::string& name, std::optional<milliseconds>& into, const std::string& about) override
    {
        app_.add_option_function<std::string>(
            name, [&into, name](const std::string& text) { into = to_duration(name, text); }, about
        );
    }
    void flag(const std::string& name, bool& into, const std::string& about) override
    {
        app_.add_flag(name, into, about);
    }
    void require(const std::string& option) override { app_.get_option(option)->required(); }

    void runs(std::function<int()> work) override
    {
        app_.final_callback([this, work = std::move(work)] {
            if (app_.get_subcommands().empty()) chosen_ = work;
        });
    }

private:
    CLI::App& app_;
    std::function<int()>& chosen_;
    std::deque<cli11_command> subs_;
    bool subs_are_optional_ = false;
};

void declare_globals(CLI::App& app, invocation& how)
{
    app.add_option("--config", how.config_file, "configuration file of local commands")
        ->group("Local commands");
    app.add_flag("--dev", how.development, "development: loopback only, development license accepted")
        ->group("Local commands");
    app.add_option("--log-level", how.log_level, "debug, info, warn, error")->group("Local commands");
    app.add_option("--server", how.server, "URL of the control plane (LEASEHOLD_SERVER)")
        ->group("Commands over HTTP");
    app.add_option("--key", how.key, "API key as env:NAME or file:PATH (LEASEHOLD_KEY)")
        ->group("Commands over HTTP");
    app.add_option("--ca", how.ca_file, "who signed the server's certificate (LEASEHOLD_CA)")
        ->group("Commands over HTTP");
    app.add_option("--tenant", how.tenant, "tenant as id, slug or tid (LEASEHOLD_TENANT)")
        ->group("Commands over HTTP");
    app.add_option_function<std::string>(
           "--timeout",
           [&how](const std::string& text) { how.timeout = how.patience = to_duration("--timeout", text); },
           "longest time for one request (default: 30s) and for an operation that is waited for (default: 1h)"
    )
        ->group("Commands over HTTP");
    app.add_flag("--json", how.json, "the API's JSON on stdout, errors as problem documents");
    app.add_flag("--quiet", how.quiet, "no progress");
}

void fill_from_environment(invocation& how)
{
    const auto fill = [](std::string& into, const char* name) {
        if (into.empty()) into = variable(name).value_or("");
    };
    fill(how.server, "LEASEHOLD_SERVER");
    fill(how.tenant, "LEASEHOLD_TENANT");
    fill(how.ca_file, "LEASEHOLD_CA");
    how.configuration_variables = configuration_variables();
    how.variable = &variable;
}

int run_program(int argc, char** argv)
{
    invocation how;
    std::function<int()> chosen;
    CLI::App app("Leasehold: every tenant's data in a database of its own", "leasehold");
    declare_globals(app, how);
    app.require_subcommand(1, 1);
    app.fallthrough();
    std::deque<cli11_command> commands;
    for (const auto& one : subcommands) {
        one.declare(commands.emplace_back(*app.add_subcommand(one.name, one.about), chosen), how);
    }
    try {
        for (int i = 1; i < argc; ++i) {
            if (!is_utf8(argv[i])) throw usage_error(fmt::format("argument {} is not UTF-8", i));
        }
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // --help
        return app.exit(asked);
    } catch (const CLI::ParseError& wrong) {
        return report_failure(usage_error(wrong.what()), how.json);
    } catch (const error& wrong) {
        return report_failure(wrong, how.json);
    }
    fill_from_environment(how);
    try {
        return chosen();
    } catch (const std::exception& failed) {
        return report_failure(failed, how.json);
    }
}

}  // namespace
}  // namespace leasehold::cli

int main(int argc, char** argv)
{
    leasehold::forbid_core_dumps();
    try {
        return leasehold::cli::run_program(argc, argv);
    } catch (const std::exception& failed) {  // nothing that a command throws comes here
        std::cerr << "error: " << failed.what() << "\n";
        return 70;
    }
}
