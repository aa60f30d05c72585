#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leasehold::http {

// A request target, taken apart: split first, decoded after, so that an encoded slash never makes a segment.
struct target_parts
{
    std::string path;                   // as sent
    std::string query;                  // as sent, without the question mark
    std::vector<std::string> segments;  // decoded; a path that ends in a slash has an empty last one
};

std::optional<target_parts> parse_target(std::string_view target);

// Decoded pairs in their order; `+` is a space.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view encoded);

}  // namespace leasehold::http
