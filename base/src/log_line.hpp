#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/log.hpp>

#include <nlohmann/json.hpp>

#include <span>
#include <string>

namespace leasehold::log {

// The line without its end. Pure, so that tests see what is written.
std::string to_json_line(wall_time at, log_level level, std::string_view event, std::span<const field> data);
std::string to_text_line(wall_time at, log_level level, std::string_view event, std::span<const field> data);
// Of the members of an object.
std::string
to_json_line(wall_time at, log_level level, std::string_view event, const nlohmann::ordered_json& data);
std::string
to_text_line(wall_time at, log_level level, std::string_view event, const nlohmann::ordered_json& data);

}  // namespace leasehold::log
