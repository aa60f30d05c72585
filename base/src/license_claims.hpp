#pragma once

#include <leasehold/base/license.hpp>

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace leasehold {

constexpr std::size_t largest_license = 16U << 10U;
constexpr std::string_view license_type = "leasehold-license";

// A JSON object that names no key twice; empty where the text is anything else.
std::optional<nlohmann::json> parse_json_object(std::string_view text);

// The claims of a license, or what is wrong with them. Keys that this build does not know are left alone, so
// that a later issuer may add some.
std::variant<license_claims, std::string> read_license_claims(const nlohmann::json& from);

// "2026-11-03": the day of an instant, in UTC.
std::string to_day(wall_time at);

// When a license stops counting at all: the end of its grace, exclusive.
wall_time grace_end_of(const license_claims& claims) noexcept;

}  // namespace leasehold
