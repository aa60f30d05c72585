#pragma once

#include <leasehold/base/error.hpp>

#include <nlohmann/json.hpp>

#include <string_view>

namespace leasehold::log {

// As log::write, for a line that nests, or whose fields are known only when it is written: the members of
// `data`, an object, in their order.
void write_object(log_level level, std::string_view event, const nlohmann::ordered_json& data);

}  // namespace leasehold::log
