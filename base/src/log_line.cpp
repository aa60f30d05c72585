#include "log_line.hpp"

#include <array>

namespace leasehold::log {
namespace {

std::string_view level_name(log_level level) noexcept
{
    constexpr std::array<std::string_view, 4> names{"debug", "info", "warn", "error"};
    return names[static_cast<std::size_t>(level)];
}

// Text from peers may be anything: control characters are escaped, bytes that are not UTF-8 become U+FFFD.
std::string json_text(const nlohmann::ordered_json& value)
{
    return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string value_of(const field& data)
{
    return data.is_quoted() ? json_text(data.text()) : data.text();
}

std::string begin_json(wall_time at, log_level level, std::string_view event)
{
    std::string line = R"({"at":")" + to_rfc3339(at) + R"(","level":")";
    line += level_name(level);
    line += R"(","event":)" + json_text(event);
    return line;
}

std::string begin_text(wall_time at, log_level level, std::string_view event)
{
    std::string line = to_rfc3339(at) + " ";
    line += level_name(level);
    line += " ";
    line += event;
    return line;
}

void add_json(std::string& line, std::string_view name, const std::string& value)
{
    line += "," + json_text(name) + ":" + value;
}

void add_text(std::string& line, std::string_view name, const std::string& value)
{
    line += " ";
    line += name;
    line += "=" + value;
}

}  // namespace

std::string to_json_line(wall_time at, log_level level, std::string_view event, std::span<const field> data)
{
    auto line = begin_json(at, level, event);
    for (const auto& one : data) add_json(line, one.name(), value_of(one));
    line += '}';
    return line;
}

std::string
to_json_line(wall_time at, log_level level, std::string_view event, const nlohmann::ordered_json& data)
{
    auto line = begin_json(at, level, event);
    for (const auto& [name, value] : data.items()) add_json(line, name, json_text(value));
    line += '}';
    return line;
}

std::string to_text_line(wall_time at, log_level level, std::string_view event, std::span<const field> data)
{
    auto line = begin_text(at, level, event);
    for (const auto& one : data) add_text(line, one.name(), value_of(one));
    return line;
}

std::string
to_text_line(wall_time at, log_level level, std::string_view event, const nlohmann::ordered_json& data)
{
    auto line = begin_text(at, level, event);
    for (const auto& [name, value] : data.items()) add_text(line, name, json_text(value));
    return line;
}

}  // namespace leasehold::log
