#include "config_table.hpp"

#include <leasehold/base/file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace leasehold {
namespace {

constexpr std::size_t largest_file = 1U << 20U;

std::string to_lines(const std::vector<config_problem>& problems)
{
    std::string text = fmt::format(
        "the configuration has {} {}", problems.size(), problems.size() == 1 ? "problem" : "problems"
    );
    for (const auto& problem : problems) {
        text += "\n  ";
        if (problem.line > 0) text += fmt::format("line {}: ", problem.line);
        if (!problem.key.empty()) text += problem.key + ": ";
        text += problem.text;
    }
    return text;
}

const key_row<config>* find_key(std::string_view name)
{
    for (const auto& row : config_keys())
        if (row.name == name) return &row;
    return nullptr;
}

bool is_section(std::string_view name)
{
    const auto prefix = std::string(name) + ".";
    return std::any_of(config_keys().begin(), config_keys().end(), [&](const auto& row) {
        return row.name.compare(0, prefix.size(), prefix) == 0;
    });
}

std::string nearest_key(std::string_view unknown)
{
    std::vector<std::string> names;
    for (const auto& row : config_keys()) {
        names.push_back(row.name);
        for (auto dot = row.name.find('.'); dot != std::string::npos; dot = row.name.find('.', dot + 1))
            names.push_back(row.name.substr(0, dot));
    }
    return nearest_name(unknown, names);
}

// Applies the sources one over the other and collects what is wrong with each.
class reader
{
public:
    reader()
    {
        for (const auto& row : config_keys()) loaded_.origins[row.name] = "default";
    }

    void read_file(const path& file);
    void read_environment(const std::map<std::string, std::string>& variables);
    void read_flags(const std::map<std::string, std::string>& flags);
    void cross_check(bool is_development);

    loaded_config take()
    {
        if (!problems_.empty()) throw config_error(std::move(problems_));
        return std::move(loaded_);
    }

private:
    void refuse(std::string_view key, int line, std::string text)
    {
        if (!key.empty()) wrong_.emplace(key);
        problems_.push_back({std::string(key), line, std::move(text)});
    }

    void read_section(const std::string& name, const yaml_node& section);
    void read_entry(const std::string& name, int line, const yaml_node& value);
    void set(const key_row<config>& row, const yaml_node& value, std::string origin, std::string_view named);

    loaded_config loaded_;
    std::map<std::string, int, std::less<>> lines_;
    std::set<std::string, std::less<>> wrong_;
    std::vector<config_problem> problems_;
};

void reader::read_file(const path& file)
{
    std::error_code failed;
    const auto status = std::filesystem::status(file, failed);
    if (failed || !std::filesystem::is_regular_file(status)) {
        refuse("", 0, fmt::format("{} is not there or is no regular file", file.native()));
        return;
    }
    if ((status.permissions() & std::filesystem::perms::others_write) != std::filesystem::perms::none)
        refuse("", 0, fmt::format("{} can be written by everybody (chmod o-w)", file.native()));
    std::string text;
    try {
        text = load_file(file, largest_file);
    } catch (const error& bad) {
        refuse("", 0, fmt::format("{}: {}", file.native(), bad.detail()));
        return;
    }
    const auto root = parse_yaml(text, problems_);
    if (root.kind == yaml_node::shape::null) return;
    if (root.kind != yaml_node::shape::map) {
        refuse("", root.line, "the file must be a mapping of sections");
        return;
    }
    read_section("", root);
}

void reader::read_section(const std::string& name, const yaml_node& section)
{
    std::set<std::string> seen;
    for (const auto& [key, value] : section.entries) {
        if (key.kind != yaml_node::shape::scalar) {
            refuse(name, key.line, "a key must be a word");
            continue;
        }
        const auto dotted = name.empty() ? key.text : name + "." + key.text;
        if (!seen.insert(key.text).second) {
            refuse(dotted, key.line, "is there twice");
            continue;
        }
        read_entry(dotted, key.line, value);
    }
}

void reader::read_entry(const std::string& name, int line, const yaml_node& value)
{
    if (const auto* row = find_key(name)) {
        lines_[name] = line;
        set(*row, value, fmt::format("file:{}", line), "");
        return;
    }
    if (!is_section(name)) {
        refuse(name, line, fmt::format("unknown key, the nearest is {}", nearest_key(name)));
        return;
    }
    // A section whose keys are all commented out reads as null.
    if (value.kind == yaml_node::shape::map)
        read_section(name, value);
    else if (value.kind != yaml_node::shape::null)
        refuse(name, line, "is a section and needs its keys below it");
}

void reader::set(
    const key_row<config>& row, const yaml_node& value, std::string origin, std::string_view named
)
{
    const auto line = value.line != 0 ? value.line : 0;
    if (const auto bad = row.set(loaded_.values, value)) {
        refuse(row.name, line, named.empty() ? *bad : fmt::format("{} ({})", *bad, named));
        return;
    }
    loaded_.origins[row.name] = std::move(origin);
}

void reader::read_environment(const std::map<std::string, std::string>& variables)
{
    for (const auto& [name, value] : variables) {
        const auto row =
            std::find_if(config_keys().begin(), config_keys().end(), [&, &name = name](const auto& r) {
                return variable_of(r.name) == name;
            });
        if (row == config_keys().end()) {
            std::vector<std::string> names;
            for (const auto& one : config_keys()) names.push_back(variable_of(one.name));
            refuse(
                "", 0, fmt::format("unknown variable {}, the nearest is {}", name, nearest_name(name, names))
            );
        } else if (row->type == value_type::servers) {
            refuse(row->name, 0, fmt::format("cannot be set by a variable ({})", name));
        } else {
            lines_.erase(row->name);
            set(*row, row->is_list ? parse_comma_list(value) : parse_scalar(value), "env:" + name, name);
        }
    }
}

void reader::read_flags(const std::map<std::string, std::string>& flags)
{
    for (const auto& [name, value] : flags) {
        const auto* row = find_key(name);
        if (row == nullptr) {
            refuse(name, 0, fmt::format("unknown key, the nearest is {}", nearest_key(name)));
            continue;
        }
        lines_.erase(row->name);
        set(*row, row->is_list ? parse_comma_list(value) : parse_scalar(value), "flag", "flag");
    }
}

void reader::cross_check(bool is_development)
{
    const auto is_readable = [&](std::string_view key) { return !wrong_.contains(key); };
    std::vector<config_problem> found;
    leasehold::cross_check(
        loaded_.values,
        is_development,
        is_readable,
        [&](std::string_view key, std::string text) {
            const auto line = lines_.find(key);
            found.push_back({std::string(key), line == lines_.end() ? 0 : line->second, std::move(text)});
        }
    );
    std::move(found.begin(), found.end(), std::back_inserter(problems_));
}

}  // namespace

config_error::config_error(std::vector<config_problem> problems)
    : error(error_kind::invalid, "config_invalid", to_lines(problems))
    , problems_(std::move(problems))
{}

loaded_config load_config(const config_sources& from)
{
    reader reading;
    if (from.file) reading.read_file(*from.file);
    reading.read_environment(from.environment);
    reading.read_flags(from.flags);
    reading.cross_check(from.development);
    return reading.take();
}

std::vector<config_problem> check_together(const config& values, bool is_development)
{
    std::vector<config_problem> found;
    const auto is_readable = [](std::string_view) { return true; };
    cross_check(values, is_development, is_readable, [&](std::string_view key, std::string text) {
        found.push_back({std::string(key), 0, std::move(text)});
    });
    return found;
}

config_changes take_reloadable(config& running, const config& fresh)
{
    config_changes found;
    for (const auto& row : config_keys()) {
        if (row.get(running) == row.get(fresh)) continue;
        if (row.is_reloadable) {
            row.copy(running, fresh);
            found.applied.push_back(row.name);
        } else {
            found.restart_needed.push_back(row.name);
        }
    }
    return found;
}

std::vector<config_value> effective_values(const loaded_config& loaded)
{
    std::vector<config_value> values;
    for (const auto& row : config_keys()) {
        const auto origin = loaded.origins.find(row.name);
        values.push_back(
            {row.name, row.get(loaded.values), origin == loaded.origins.end() ? "default" : origin->second}
        );
    }
    return values;
}

}  // namespace leasehold
