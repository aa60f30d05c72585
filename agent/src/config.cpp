#include <leasehold/agent/agent.hpp>
#include <leasehold/base/config_value.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/http/client.hpp>

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace leasehold::agent {
namespace {

constexpr std::size_t largest_file = std::size_t{1} << 20U;
constexpr std::size_t most_labels = 64;

struct key_row
{
    std::string_view name;
    std::function<complaint(agent_config&, const yaml_node&)> set;
};

complaint read_secret(const yaml_node& from, secret<std::string>& into)
{
    std::string text;
    if (auto bad = read_value(from, text)) return bad;
    into = secret<std::string>::take(std::move(text));
    return {};
}

complaint read_token(agent_config& into, const yaml_node& from)
{
    if (auto bad = read_secret(from, into.security.enrollment_token)) return bad;
    into.token_line = from.line;
    const auto parsed = credential::parse(into.security.enrollment_token.reveal());
    if (!parsed || parsed->type != credential_type::enrollment) {
        return "is no enrollment token (lh_enr_…, 68 characters): a character is missing or mistyped";
    }
    return {};
}

complaint read_labels(agent_config& into, const yaml_node& from)
{
    if (from.kind != yaml_node::shape::map) return "needs a mapping of names to texts";
    if (from.entries.size() > most_labels) return "has more than 64 labels";
    std::map<std::string, std::string> labels;
    for (const auto& [key, value] : from.entries) {
        std::string text;
        if (auto bad = read_value(value, text)) return bad;
        if (key.text.empty() || key.text.size() > 63 || text.size() > 255) {
            return "has a label whose name is empty or longer than 63 bytes, or whose text is longer than "
                   "255";
        }
        if (!labels.emplace(key.text, std::move(text)).second)
            return "names the label " + key.text + " twice";
    }
    into.host.labels = std::move(labels);
    return {};
}

complaint read_url(agent_config& into, const yaml_node& from)
{
    std::string text;
    if (auto bad = read_value(from, text)) return bad;
    const auto where = http::origin::parse(text);
    if (!where) return "needs a URL of scheme, host and port, such as https://agents.example.com";
    address at;
    at.host = where->host;
    at.port = where->port;
    if (!where->tls && !at.is_loopback()) return "needs https:// (plain http is for loopback only)";
    into.server.url = std::move(text);
    return {};
}

template <class Value>
complaint read_positive(const yaml_node& from, Value& into, Value least)
{
    Value value{};
    if (auto bad = read_value(from, value)) return bad;
    if (value < least) return "is too small";
    into = value;
    return {};
}

const std::vector<key_row>& keys()
{
    using config = agent_config;
    using std::chrono::milliseconds;
    static const std::vector<key_row> rows{
        {"server.url", read_url},
        {"server.ca_file", [](config& c, const yaml_node& n) { return read_value(n, c.server.ca_file); }},
        {"security.enrollment_token", read_token},
        {"security.enrollment_token_file",
         [](config& c, const yaml_node& n) { return read_value(n, c.security.enrollment_token_file); }},
        {"security.state_dir",
         [](config& c, const yaml_node& n) { return read_value(n, c.security.state_dir); }},
        {"host.name", [](config& c, const yaml_node& n) { return read_value(n, c.host.name); }},
        {"host.cluster_name",
         [](config& c, const yaml_node& n) { return read_value(n, c.host.cluster_name); }},
        {"host.labels", read_labels},
        {"spool.max_bytes",
         [](config& c, const yaml_node& n) {
             return read_positive(n, c.spool.max_bytes, std::int64_t{1} << 16);
         }},
        {"spool.segment",
         [](config& c, const yaml_node& n) {
             return read_positive(n, c.spool.segment, std::int64_t{1} << 12);
         }},
        {"spool.sync",
         [](config& c, const yaml_node& n) { return read_positive(n, c.spool.sync, milliseconds(1)); }},
        {"intervals.inventory",
         [](config& c, const yaml_node& n) {
             return read_positive(n, c.intervals.inventory, milliseconds(1000));
         }},
        {"intervals.packages",
         [](config& c, const yaml_node& n) {
             return read_positive(n, c.intervals.packages, milliseconds(1000));
         }},
    };
    return rows;
}

std::string nearest_key(std::string_view unknown)
{
    std::vector<std::string> names;
    for (const auto& row : keys()) names.emplace_back(row.name);
    return nearest_name(unknown, names);
}

bool is_section(std::string_view name)
{
    return std::any_of(keys().begin(), keys().end(), [&](const key_row& row) {
        return row.name.size() > name.size() && row.name.starts_with(name) && row.name[name.size()] == '.';
    });
}

class reader
{
public:
    void read(const std::string& section, const yaml_node& from)
    {
        std::set<std::string> seen;
        for (const auto& [key, value] : from.entries) {
            const auto name = section.empty() ? key.text : section + "." + key.text;
            if (!seen.insert(name).second) {
                refuse(name, key.line, "is there twice");
            } else if (const auto* row = find(name)) {
                if (const auto bad = row->set(config, value)) refuse(name, key.line, *bad);
            } else if (!is_section(name)) {
                refuse(name, key.line, "unknown key, the nearest is " + nearest_key(name));
            } else if (value.kind == yaml_node::shape::map) {
                read(name, value);
            } else if (value.kind != yaml_node::shape::null) {
                refuse(name, key.line, "is a section and needs its keys below it");
            }
        }
    }

    void refuse(std::string key, int line, std::string text)
    {
        problems.push_back({std::move(key), line, std::move(text)});
    }

    agent_config config;
    std::vector<config_problem> problems;

private:
    static const key_row* find(std::string_view name)
    {
        for (const auto& row : keys()) {
            if (row.name == name) return &row;
        }
        return nullptr;
    }
};

void check_together(reader& into)
{
    const auto& config = into.config;
    if (config.server.url.empty() && into.problems.empty()) into.refuse("server.url", 0, "must be given");
    if (config.token_line != 0 && !config.security.enrollment_token_file.empty()) {
        into.refuse("security.enrollment_token_file", 0, "and enrollment_token must not both be given");
    }
    if (config.security.state_dir.empty()) into.refuse("security.state_dir", 0, "must not be empty");
    if (config.spool.segment * 2 > config.spool.max_bytes) {
        into.refuse("spool.max_bytes", 0, "must hold at least two segments");
    }
}

}  // namespace

agent_config load_agent_config(const std::filesystem::path& file)
{
    auto text = load_file(file, largest_file);
    reader from;
    const auto root = parse_yaml(text, from.problems);
    wipe(text);
    if (root.kind == yaml_node::shape::map) {
        from.read("", root);
    } else if (from.problems.empty()) {
        from.refuse("", root.line, "the file must be a mapping of sections");
    }
    check_together(from);

    struct stat facts
    {};
    const bool holds_token = from.config.token_line != 0 || !from.config.security.enrollment_token.empty();
    if (holds_token && ::stat(file.c_str(), &facts) == 0 && (facts.st_mode & S_IRWXO) != 0) {
        throw error(
            error_kind::invalid,
            "config_world_readable",
            file.string() + " holds the enrollment token and gives permissions to others: chmod o= it"
        );
    }
    if (!from.problems.empty()) throw config_error(std::move(from.problems));
    from.config.file = file;
    return std::move(from.config);
}

}  // namespace leasehold::agent
