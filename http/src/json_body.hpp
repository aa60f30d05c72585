#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string_view>

namespace leasehold::http {

// Parses a body: UTF-8 JSON, at most 32 levels deep, no member twice, no NUL in a text. Throws protocol
// "body_malformed".
nlohmann::json parse_body(std::string_view text);

}  // namespace leasehold::http
