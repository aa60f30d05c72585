#include "config_table.hpp"

#include <leasehold/base/config.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <unistd.h>

namespace leasehold {
namespace {

// A file of its own, gone with the test.
class scratch_file
{
public:
    explicit scratch_file(const std::string& text)
        : path_(std::filesystem::temp_directory_path() / ("leasehold-config-" + uuid_text() + ".yaml"))
    {
        std::ofstream(path_) << text;
        std::filesystem::permissions(
            path_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write
        );
    }
    scratch_file(const scratch_file&) = delete;
    scratch_file& operator=(const scratch_file&) = delete;
    ~scratch_file() { std::filesystem::remove(path_); }
    [[nodiscard]] const path& at() const { return path_; }

private:
    static std::string uuid_text()
    {
        static int count = 0;
        return std::to_string(::getpid()) + "-" + std::to_string(++count);
    }
    path path_;
};

config_sources from_file(const scratch_file& file)
{
    config_sources from;
    from.file = file.at();
    return from;
}

loaded_config load_text(const std::string& text)
{
    const scratch_file file(text);
    return load_config(from_file(file));
}

std::vector<config_problem> problems_of(const config_sources& from)
{
    try {
        static_cast<void>(load_config(from));
    } catch (const config_error& bad) {
        return bad.problems();
    }
    return {};
}

std::vector<config_problem> problems_in(const std::string& text)
{
    const scratch_file file(text);
    return problems_of(from_file(file));
}

// "a.b.c" and a value as nested YAML.
std::string nested(std::string_view key, std::string_view value)
{
    std::string text;
    std::string indent;
    while (true) {
        const auto dot = key.find('.');
        text += indent + std::string(key.substr(0, dot)) + ":";
        if (dot == std::string_view::npos) return text + " " + std::string(value) + "\n";
        text += "\n";
        indent += "  ";
        key.remove_prefix(dot + 1);
    }
}

// Where the plain sample of the type breaks a rule of the key: a value that does not, and what it needs
// beside it.
struct sample
{
    std::string value;
    std::string beside;  // YAML
};

const std::map<std::string, sample>& special_samples()
{
    static const std::map<std::string, sample> all{
        {"registry.sslmode", {"disable", ""}},
        {"shared.hosts", {"[127.0.0.1:5499]", "shared: {database: d, migrate: {user: u}}\n"}},
        {"multitenancy.enabled", {"true", "vault: {enabled: true}\n"}},
        {"multitenancy.domain_suffix", {"db.example.com", ""}},
        {"multitenancy.reserved_slugs", {"[acme]", ""}},
        {"vault.url", {"[\"https://broker.example.com:8200\"]", ""}},
        {"vault.redirect_allow", {"[\"https://broker2.example.com:8200\"]", ""}},
        {"control_plane.public_url", {"https://cp.example.com", ""}},
        {"control_plane.tls.cert_file", {"/c.pem", "control_plane: {tls: {key_file: /k.pem}}\n"}},
        {"control_plane.tls.key_file", {"/k.pem", "control_plane: {tls: {cert_file: /c.pem}}\n"}},
        {"router.tls.cert_file", {"/c.pem", "router: {tls: {key_file: /k.pem}}\n"}},
        {"router.tls.key_file", {"/k.pem", "router: {tls: {cert_file: /c.pem}}\n"}},
        {"agents.tls.cert_file", {"/c.pem", "agents: {tls: {key_file: /k.pem}}\n"}},
        {"agents.tls.key_file", {"/k.pem", "agents: {tls: {cert_file: /c.pem}}\n"}},
        {"agents.heartbeat.interval", {"7s", ""}},
        {"agents.token.max_lifetime", {"77d", ""}},
        {"router.advertise", {"db.example.com:5432", ""}},
        {"router.lease.rotate_at", {"0.5", ""}},
        {"router.lease.jitter", {"0.25", ""}},
        {"provisioning.servers", {"[{name: eu-1, hosts: [db1:5432], ca_file: /ca.pem}]", ""}},
        {"migrations.tenant_mode", {"replace", "migrations: {tenant_dir: /t}\n"}},
    };
    return all;
}

sample sample_of(const key_row<config>& row)
{
    const auto special = special_samples().find(row.name);
    if (special != special_samples().end()) return special->second;
    if (!row.choices.empty()) return {row.choices.back(), ""};
    const auto listed = [&](std::string value) {
        return sample{row.is_list ? "[" + value + "]" : value, ""};
    };
    switch (row.type) {
    case value_type::boolean:
        return {row.get(config{}) == "true" ? "false" : "true", ""};
    case value_type::integer:
        return {"7", ""};
    case value_type::size:
        return {"7KiB", ""};
    case value_type::number:
        return {"0.7", ""};
    case value_type::text:
        return listed("seven");
    case value_type::file:
        return {"/seven", ""};
    case value_type::duration:
        return {"7s", ""};
    case value_type::address:
        return listed("127.0.0.7:7777");
    case value_type::servers:
        break;
    }
    return {};
}

std::string wrong_type_of(const key_row<config>& row)
{
    if (row.is_list) return "seven";
    switch (row.type) {
    case value_type::boolean:
        return "yes";
    case value_type::duration:
        return "7";
    case value_type::size:
        return "7kb";
    case value_type::integer:
    case value_type::number:
        return "seven";
    case value_type::address:
        return "nowhere";
    default:
        return "[a, b]";
    }
}

// The sources' YAML texts merged: one map of sections each, given as flags of dotted keys would be too weak a
// test.
std::string merged(const std::string& key, const sample& given)
{
    if (given.beside.empty()) return nested(key, given.value);
    const auto section = key.substr(0, key.find('.'));
    if (given.beside.compare(0, section.size() + 1, section + ":") != 0)
        return nested(key, given.value) + given.beside;
    // The same section twice would be a duplicate key: put ours into the flow mapping.
    auto rest = key.substr(section.size() + 1);
    auto text = given.beside;
    const auto dot = rest.find('.');
    if (dot == std::string::npos) return text.insert(text.find('{') + 1, rest + ": " + given.value + ", ");
    const auto inner = rest.substr(0, dot) + ": {";
    return text.insert(text.find(inner) + inner.size(), rest.substr(dot + 1) + ": " + given.value + ", ");
}

std::string value_in(const loaded_config& loaded, const std::string& key)
{
    for (const auto& one : effective_values(loaded))
        if (one.key == key) return one.value;
    return "no such key";
}

// A list or scalar sample as a variable gives it.
std::string as_variable(const key_row<config>& row, std::string value)
{
    if (row.is_list) value = value.substr(1, value.size() - 2);
    if (!value.empty() && value.front() == '"') value = value.substr(1, value.size() - 2);
    return value;
}

TEST(Config, C1_TableIsNotEmptyAndNamesNoKeyTwice)
{
    std::map<std::string, int> seen;
    for (const auto& row : config_keys()) ++seen[row.name];
    EXPECT_GT(seen.size(), 100U);
    for (const auto& [name, count] : seen) EXPECT_EQ(count, 1) << name;
}

TEST(Config, C1_EachKeyHasItsDefaultWithoutAnySource)
{
    const auto loaded = load_config({});
    for (const auto& row : config_keys()) {
        EXPECT_EQ(row.get(loaded.values), row.get(config{})) << row.name;
        EXPECT_EQ(loaded.origins.at(row.name), "default") << row.name;
    }
}

TEST(Config, C1_EachKeyIsReadFromTheFile)
{
    for (const auto& row : config_keys()) {
        SCOPED_TRACE(row.name);
        const auto given = sample_of(row);
        const auto text = merged(row.name, given);
        try {
            const auto loaded = load_text(text);
            if (row.choices.size() != 1) {
                EXPECT_NE(value_in(loaded, row.name), row.get(config{}));
            }
            EXPECT_EQ(loaded.origins.at(row.name).substr(0, 5), "file:");
        } catch (const config_error& bad) {
            ADD_FAILURE() << bad.what() << "\n" << text;
        }
    }
}

TEST(Config, C3_EachKeyMarkedReloadableIsTakenAndEachOtherIsNamed)
{
    for (const auto& row : config_keys()) {
        SCOPED_TRACE(row.name);
        if (row.choices.size() == 1) continue;
        const auto fresh = load_text(merged(row.name, sample_of(row))).values;
        config running;
        const auto found = take_reloadable(running, fresh);
        const auto is_in = [&](const std::vector<std::string>& names) {
            return std::find(names.begin(), names.end(), row.name) != names.end();
        };
        EXPECT_EQ(is_in(found.applied), row.is_reloadable);
        EXPECT_EQ(is_in(found.restart_needed), !row.is_reloadable);
        EXPECT_EQ(row.get(running) == row.get(fresh), row.is_reloadable);
        EXPECT_TRUE(take_reloadable(running, fresh).applied.empty());
    }
}

TEST(Config, C1_EachKeyIsReadFromTheEnvironmentWhichBeatsTheFile)
{
    for (const auto& row : config_keys()) {
        SCOPED_TRACE(row.name);
        const auto given = sample_of(row);
        const auto in_file = load_text(merged(row.name, given));
        const scratch_file file(given.beside);
        auto from = from_file(file);
        from.environment[variable_of(row.name)] = as_variable(row, given.value);
        if (row.type == value_type::servers) {
            ASSERT_EQ(problems_of(from).size(), 1U);
            continue;
        }
        const auto loaded = load_config(from);
        EXPECT_EQ(value_in(loaded, row.name), value_in(in_file, row.name));
        EXPECT_EQ(loaded.origins.at(row.name), "env:" + variable_of(row.name));
    }
}

TEST(Config, C1_EachKeyRefusesTheWrongTypeWithItsLine)
{
    for (const auto& row : config_keys()) {
        SCOPED_TRACE(row.name);
        const auto problems = problems_in("# one line before\n" + nested(row.name, wrong_type_of(row)));
        ASSERT_EQ(problems.size(), 1U);
        EXPECT_EQ(problems[0].key, row.name);
        EXPECT_EQ(problems[0].line, 2 + std::count(row.name.begin(), row.name.end(), '.'));
        EXPECT_FALSE(problems[0].text.empty());
    }
}

TEST(Config, C1_AnUnknownSiblingOfEachKeyIsRefusedAndTheKeyIsNamed)
{
    for (const auto& row : config_keys()) {
        SCOPED_TRACE(row.name);
        const auto problems = problems_in(nested(row.name + "_x", "7"));
        ASSERT_EQ(problems.size(), 1U);
        EXPECT_EQ(problems[0].key, row.name + "_x");
        EXPECT_NE(problems[0].text.find("the nearest is " + row.name), std::string::npos) << problems[0].text;
        config_sources from;
        from.environment[variable_of(row.name) + "_X"] = "7";
        const auto of_variable = problems_of(from);
        ASSERT_EQ(of_variable.size(), 1U);
        EXPECT_NE(of_variable[0].text.find("the nearest is " + variable_of(row.name)), std::string::npos);
    }
}

TEST(Config, C1_AllErrorsAreReportedAtOnce)
{
    std::string text;  // every key wrong, in one file
    std::string previous;
    for (const auto& row : config_keys()) {
        std::size_t depth = 0;
        for (auto dot = row.name.find('.'); dot != std::string::npos;
             dot = row.name.find('.', dot + 1), ++depth) {
            const auto section = row.name.substr(0, dot);
            if (previous.compare(0, section.size() + 1, section + ".") == 0) continue;
            text += std::string(depth * 2, ' ') + section.substr(section.rfind('.') + 1) + ":\n";
        }
        text += std::string(depth * 2, ' ') + row.name.substr(row.name.rfind('.') + 1) + ": " +
                wrong_type_of(row) + "\n";
        previous = row.name;
    }
    text += "nonsense: 1\n";
    const scratch_file file(text);
    auto from = from_file(file);
    from.environment["LEASEHOLD__NO__SUCH"] = "1";
    from.flags["log.levle"] = "info";
    const auto problems = problems_of(from);
    EXPECT_EQ(problems.size(), config_keys().size() + 3);
    for (const auto& row : config_keys())
        EXPECT_TRUE(std::any_of(problems.begin(), problems.end(), [&](const auto& one) {
            return one.key == row.name;
        })) << row.name;
    try {
        static_cast<void>(load_config(from));
        ADD_FAILURE() << "not refused";
    } catch (const config_error& bad) {
        EXPECT_EQ(bad.code(), "config_invalid");
        EXPECT_EQ(exit_code_of(bad.kind(), bad.code()), 78);
        const std::string what = bad.what();
        EXPECT_EQ(std::count(what.begin(), what.end(), '\n'), static_cast<std::ptrdiff_t>(problems.size()));
    }
}

TEST(Config, C1_ReferenceEqualsTheExampleFile)
{
    std::ifstream in(LEASEHOLD_SOURCE_FOLDER "/deploy/leasehold.example.yaml");
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_EQ(text.str(), config_reference());
}

TEST(Config, C1_ReferenceReadsBackAsTheDefaults)
{
    const auto loaded = load_text(config_reference());
    for (const auto& row : config_keys()) {
        EXPECT_EQ(row.get(loaded.values), row.get(config{})) << row.name;
        EXPECT_EQ(loaded.origins.at(row.name).substr(0, 5), "file:") << row.name;
    }
}

TEST(Config, TheCollapsedExampleAsksForNeitherBrokerNorLicense)
{
    config_sources from;
    from.file = LEASEHOLD_SOURCE_FOLDER "/deploy/leasehold.collapsed.yaml";
    const auto loaded = load_config(from);
    EXPECT_FALSE(loaded.values.multitenancy.enabled);
    EXPECT_FALSE(loaded.values.vault.enabled);
    EXPECT_EQ(loaded.values.registry.hosts.size(), 1U);
}

TEST(Config, FlagsBeatTheEnvironmentAndTheEnvironmentTheFile)
{
    const scratch_file file("log:\n  level: warn\n");
    auto from = from_file(file);
    EXPECT_EQ(load_config(from).values.log.level, "warn");
    EXPECT_EQ(load_config(from).origins.at("log.level"), "file:2");
    from.environment["LEASEHOLD__LOG__LEVEL"] = "error";
    EXPECT_EQ(load_config(from).values.log.level, "error");
    from.flags["log.level"] = "debug";
    EXPECT_EQ(load_config(from).values.log.level, "debug");
    EXPECT_EQ(load_config(from).origins.at("log.level"), "flag");
}

TEST(Config, RefusesWhatYamlAllowsAndAReaderWouldMiss)
{
    const std::map<std::string, std::string> cases{
        {"log: {level: info}\nlog: {format: json}\n", "is there twice"},
        {"log:\n  level: info\n  level: debug\n", "is there twice"},
        {"log: &a {level: info}\n", "anchors"},
        {"log: {level: &a info}\n", "anchors"},
        {"log: {level: !!str info}\n", "tags"},
        {"log: !x {level: info}\n", "tags"},
        {"log: {level: info}\n---\nlog: {level: info}\n", "second YAML document"},
        {"log: [\n", "not YAML"},
        {"- log\n", "mapping of sections"},
        {"log: info\n", "is a section"},
        {"log:\n  level:\n", "needs a text, not nothing"},
        {"multitenancy: {enabled: \"false\"}\n", "needs true or false"},
        {"multitenancy: {enabled: no}\n", "needs true or false"},
        {"multitenancy: {enabled: True}\n", "needs true or false"},
        {"router: {lanes: \"4\"}\n", "needs a whole number"},
        {"router: {lanes: 0x10}\n", "needs a whole number"},
        {"router: {lanes: 5000}\n", "must be between"},
        {"router: {connect_timeout: 0s}\n", "more than zero"},
        {"router: {connect_timeout: 3 s}\n", "needs a duration"},
        {"router: {connect_timeout: -3s}\n", "needs a duration"},
        {"router: {connect_timeout: 99999999999999999d}\n", "needs a duration"},
        {"limits: {request: {body: 64KB}}\n", "needs a size"},
        {"metrics: {listen: \"127.0.0.1:70000\"}\n", "needs an address"},
        {"metrics: {listen: \"[::g]:70\"}\n", "needs an address"},
        {"metrics: {listen: \"unix:relative\"}\n", "needs an address"},
        {"provisioning: {servers: [{name: a, hosts: [\"db:1\"], ca_file: /c, hots: 1}]}\n",
         "the nearest is hosts"},
        {"provisioning: {servers: [{name: a, hosts: [\"db:1\"], ca_file: /c, accept: [all]}]}\n",
         "not a finding"},
        {"provisioning: {servers: [{name: a}]}\n", "needs hosts"},
    };
    for (const auto& [text, wanted] : cases) {
        SCOPED_TRACE(text);
        const auto problems = problems_in(text);
        ASSERT_FALSE(problems.empty());
        EXPECT_TRUE(std::any_of(problems.begin(), problems.end(), [&, &wanted = wanted](const auto& one) {
            return one.text.find(wanted) != std::string::npos;
        })) << problems[0].text;
    }
}

TEST(Config, RefusesAliases)
{
    const auto problems = problems_in("log: {level: &a info, format: *a}\n");
    EXPECT_TRUE(std::any_of(problems.begin(), problems.end(), [](const auto& one) {
        return one.text.find("aliases") != std::string::npos;
    }));
}

TEST(Config, CrossChecksRefuseWhatIsUnsafeTogether)
{
    struct row
    {
        std::string text;
        std::string key;
        std::string repaired;  // the same with the missing part: accepted
    };
    const std::vector<row> rows{
        {"multitenancy: {enabled: true}",
         "multitenancy.enabled",
         "multitenancy: {enabled: true}\nvault: {enabled: true}"},
        {"control_plane: {listen: \"10.0.0.1:7600\", public_url: \"https://a\"}",
         "control_plane.listen",
         "control_plane: {listen: \"10.0.0.1:7600\", public_url: \"https://a\", tls: {cert_file: /c, "
         "key_file: /k}}"},
        {"control_plane: {listen: \"10.0.0.1:7600\", tls: {cert_file: /c, key_file: /k}}",
         "control_plane.public_url",
         "control_plane: {listen: \"10.0.0.1:7600\", tls: {cert_file: /c, key_file: /k}, public_url: "
         "\"https://a\"}"},
        {"control_plane: {public_url: \"http://cp.example.com\"}",
         "control_plane.public_url",
         "control_plane: {public_url: \"http://localhost\"}"},
        {"agents: {listen: \"0.0.0.0:7601\"}",
         "agents.listen",
         "agents: {listen: \"0.0.0.0:7601\", tls: {cert_file: /c, key_file: /k}}"},
        {"router: {listen: [\"127.0.0.1:7632\", \"[2001:db8::1]:7632\"]}",
         "router.listen",
         "router: {listen: [\"127.0.0.1:7632\", \"[::1]:7632\"]}"},
        {"metrics: {listen: \"10.0.0.1:7690\"}",
         "metrics.listen",
         "metrics: {listen: \"10.0.0.1:7690\", token_file: /t}"},
        {"router: {tls: {cert_file: /c}}",
         "router.tls.key_file",
         "router: {tls: {cert_file: /c, key_file: /k}}"},
        {"registry: {hosts: [\"db.example.com:5432\"], sslmode: disable}",
         "registry.sslmode",
         "registry: {hosts: [\"db.example.com:5432\"]}"},
        {"vault: {enabled: true, url: [\"http://broker.example.com:8200\"]}",
         "vault.url",
         "vault: {enabled: true, url: [\"http://127.0.0.1:8200\"]}"},
        {"vault: {enabled: true, url: []}", "vault.url", "vault: {enabled: false, url: []}"},
        {"vault: {enabled: true, auth: {router: {method: token}}}",
         "vault.auth.router.token_file",
         "vault: {enabled: true, auth: {router: {method: token, token_file: /t}}}"},
        {"shared: {hosts: [\"127.0.0.1:5432\"], database: d}",
         "shared.migrate.user",
         "shared: {hosts: [\"127.0.0.1:5432\"], database: d, migrate: {user: u}}"},
        {"provisioning: {servers: [{name: a, hosts: [\"db:1\"]}]}",
         "provisioning.servers",
         "provisioning: {servers: [{name: a, hosts: [\"db:1\"], ca_file: /c}]}"},
        {"metrics: {listen: \"127.0.0.1:7600\"}", "metrics.listen", "metrics: {listen: \"127.0.0.1:0\"}"},
        {"migrations: {tenant_mode: replace}",
         "migrations.tenant_mode",
         "migrations: {tenant_mode: replace, tenant_dir: /t}"},
    };
    for (const auto& one : rows) {
        SCOPED_TRACE(one.text);
        const auto problems = problems_in(one.text + "\n");
        ASSERT_EQ(problems.size(), 1U);
        EXPECT_EQ(problems[0].key, one.key);
        EXPECT_LE(problems[0].line, 1);  // 0 where the default is what does not fit
        EXPECT_TRUE(problems_in(one.repaired + "\n").empty());
    }
}

TEST(Config, DevelopmentModeAllowsLoopbackOnly)
{
    const scratch_file file("agents: {listen: \"10.0.0.1:7601\", tls: {cert_file: /c, key_file: /k}}\n");
    auto from = from_file(file);
    EXPECT_TRUE(problems_of(from).empty());
    from.development = true;
    ASSERT_EQ(problems_of(from).size(), 1U);
    EXPECT_EQ(problems_of(from)[0].key, "agents.listen");
}

TEST(Config, RefusesAFileThatEverybodyMayWriteOrThatIsMissing)
{
    const scratch_file file("log: {level: info}\n");
    EXPECT_TRUE(problems_of(from_file(file)).empty());
    std::filesystem::permissions(
        file.at(), std::filesystem::perms::others_write, std::filesystem::perm_options::add
    );
    EXPECT_EQ(problems_of(from_file(file)).size(), 1U);
    config_sources missing;
    missing.file = file.at().native() + ".missing";
    EXPECT_EQ(problems_of(missing).size(), 1U);
}

TEST(Config, ReadsTheServersOfTheList)
{
    const auto loaded =
        load_text("provisioning:\n"
                  "  servers:\n"
                  "    - { name: eu-1, hosts: [127.0.0.1:5433], region: eu, ca_file: /ca.pem, accept: "
                  "[createrole_is_superuser] }\n"
                  "    - { name: us-1, hosts: [127.0.0.1:5434], ca_file: /ca.pem, connection_budget: 40 }\n");
    const auto& servers = loaded.values.provisioning.servers;
    ASSERT_EQ(servers.size(), 2U);
    EXPECT_EQ(servers[0].name, "eu-1");
    EXPECT_EQ(servers[0].hosts.at(0).port, 5433);
    EXPECT_EQ(servers[0].accept.at(0), "createrole_is_superuser");
    EXPECT_EQ(servers[1].connection_budget, 40);
    EXPECT_EQ(servers[1].superuser, "postgres");
}

TEST(Config, FilesAreOpenedAndAllProblemsNamed)
{
    const scratch_file good("qDn3vXzR\n");
    const scratch_file open_to_all("qDn3vXzR\n");
    std::filesystem::permissions(
        open_to_all.at(), std::filesystem::perms::others_read, std::filesystem::perm_options::add
    );
    const scratch_file empty("");
    config values;
    values.registry.ca_file = good.at();
    values.registry.control_plane.password_file = good.at();
    values.registry.router.password_file = good.at();
    values.registry.migrate.password_file = "";
    EXPECT_TRUE(check_files(values, false).empty()) << check_files(values, false).at(0).text;
    values.registry.control_plane.password_file = open_to_all.at();
    values.registry.router.password_file = empty.at();
    values.registry.migrate.password_file = "/no/such/file";
    const auto problems = check_files(values, false);
    ASSERT_EQ(problems.size(), 3U);
    EXPECT_NE(problems[0].text.find("secret_file_world_readable"), std::string::npos) << problems[0].text;
    EXPECT_NE(problems[1].text.find("secret_file_empty"), std::string::npos) << problems[1].text;
    EXPECT_NE(problems[2].text.find("secret_file_missing"), std::string::npos) << problems[2].text;
}

TEST(Config, ASampleSecretIsRefusedUnlessInDevelopment)
{
    config values;
    values.registry.sslmode = "disable";
    values.registry.control_plane.password_file = "";
    values.registry.router.password_file = "";
    for (const auto* sample : {"changeme\n", "secret", "0000000000000000\n"}) {
        const scratch_file known(sample);
        values.registry.migrate.password_file = known.at();
        const auto problems = check_files(values, false);
        ASSERT_EQ(problems.size(), 1U) << sample;
        EXPECT_NE(problems[0].text.find("secret_is_sample"), std::string::npos) << problems[0].text;
        EXPECT_TRUE(check_files(values, true).empty()) << sample;
    }
    const scratch_file own("changeme-no-more-7f\n");
    values.registry.migrate.password_file = own.at();
    EXPECT_TRUE(check_files(values, false).empty());
}

TEST(Address, ParsesAndPrintsItsThreeForms)
{
    for (const auto* text :
         {"127.0.0.1:80", "db.example.com:5432", "[::1]:80", "unix:/run/s", "localhost:0"}) {
        const auto parsed = address::parse(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->to_string(), text);
    }
    for (const auto* text :
         {"",
          "80",
          ":80",
          "a:",
          "a:99999",
          "a:-1",
          "a: 1",
          "a b:1",
          "::1:80",
          "[::1]",
          "[x]:1",
          "unix:",
          "unix:x",
          "a:1x"})
        EXPECT_FALSE(address::parse(text)) << text;
}

TEST(Address, KnowsLoopback)
{
    for (const auto* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/run/s"})
        EXPECT_TRUE(address::parse(text)->is_loopback()) << text;
    for (const auto* text : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.com:1", "127.evil.com:1"})
        EXPECT_FALSE(address::parse(text)->is_loopback()) << text;
}

}  // namespace
}  // namespace leasehold
