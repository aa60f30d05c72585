#include "log_line.hpp"

#include <nlohmann/json.hpp>

#include <array>

namespace leasehold::log {
namespace {

std::string_view level_name(log_level level) noexcept
{
    constexpr std::array<std::string_view, 4> names{"debug", "info", "warn", "error"};
    return names[static_cast<std::size_t>(level)];
}

// Text from peers may be anything: control characters are escaped, bytes that are not UTF-8 become U+FFFD.
std::string json_text(std::string_view text)
{
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string value_of(const field& data)
{
    return data.is_quoted() ? json_text(data.text()) : data.text();
}

}  // namespace

std::string to_json_line(wall_time at, log_level level, std::string_view event, std::span<const field> data)
{
    std::string line = R"({"at":")" + to_rfc3339(at) + R"(","level":")";
    line += level_name(level);
    line += R"(","event":)" + json_text(event);
    for (const auto& one : data) line += "," + json_text(one.name()) + ":" + value_of(one);
    line += '}';
    return line;
}

std::string to_text_line(wall_time at, log_level level, std::string_view event, std::span<const field> data)
{
    std::string line = to_rfc3339(at) + " ";
    line += level_name(level);
    line += " ";
    line += event;
    for (const auto& one : data) {
        line += " ";
        line += one.name();
        line += "=" + value_of(one);
    }
    return line;
}

}  // namespace leasehold::log
