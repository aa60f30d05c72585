#include "config_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace leasehold {
namespace {

constexpr std::size_t comment_column = 48;

std::string line(std::size_t depth, std::string_view text, std::string_view comment, bool is_reloadable)
{
    std::string out(depth * 2, ' ');
    out += text;
    if (comment.empty() && !is_reloadable) return out + "\n";
    out += std::string(out.size() + 2 <= comment_column ? comment_column - out.size() : 2, ' ');
    out += fmt::format(
        "# {}{}{}", is_reloadable ? "[r]" : "", is_reloadable && !comment.empty() ? " " : "", comment
    );
    return out + "\n";
}

// The sections of `name` that `previous` was not in, outermost first.
std::string open_sections(const std::string& previous, const std::string& name)
{
    std::string out;
    std::size_t depth = 0;
    for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1), ++depth) {
        const auto section = name.substr(0, dot);
        if (previous.compare(0, section.size() + 1, section + ".") == 0) continue;
        if (depth == 0) out += "\n";
        out += line(depth, section.substr(section.rfind('.') + 1) + ":", section_comment(section), false);
    }
    return out;
}

std::string server_example()
{
    provisioned_server_config example;
    example.name = "eu-1";
    example.hosts = {{"db1.example.com", 5432, {}}};
    example.region = "eu";
    example.ca_file = "/etc/leasehold/pg-ca.pem";
    example.broker_ca_file = "/etc/openbao/pg-ca.pem";
    example.superuser_password_file = "/etc/leasehold/secrets/eu-1-superuser";
    std::string out;
    for (const auto& row : server_keys())
        out += line(
            1,
            fmt::format("# {} {}: {}", out.empty() ? "-" : " ", row.name, row.get(example)),
            row.comment,
            false
        );
    return out;
}

}  // namespace

std::string config_reference()
{
    std::string out =
        "# /etc/leasehold/leasehold.yaml. Every key with its default. [r] = applied on SIGHUP.\n";
    const config defaults;
    std::string previous;
    for (const auto& row : config_keys()) {
        out += open_sections(previous, row.name);
        const auto depth = static_cast<std::size_t>(std::count(row.name.begin(), row.name.end(), '.'));
        const auto last = row.name.substr(row.name.rfind('.') + 1);
        out += line(depth, fmt::format("{}: {}", last, row.get(defaults)), row.comment, row.is_reloadable);
        if (row.type == value_type::servers) out += server_example();
        previous = row.name;
    }
    return out;
}

}  // namespace leasehold
