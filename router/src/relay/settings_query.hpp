#pragma once

#include "relay/verified_server.hpp"

#include <string>
#include <string_view>

namespace leasehold::router::relay {

// A Query message that puts a server connection back to its login's settings and then sets these. Empty for
// none.
[[nodiscard]] std::string make_settings_query(const parameter_set& settings);
// The one that only puts it back.
[[nodiscard]] std::string_view reset_query() noexcept;

}  // namespace leasehold::router::relay
