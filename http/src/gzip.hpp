#pragma once

#include <string>
#include <string_view>

namespace leasehold::http {

// Unpacks one gzip member. Errors: invalid "body_too_large" as soon as more than `limit` bytes come out,
// protocol "body_malformed".
std::string unpack_gzip(std::string_view packed, std::size_t limit);

}  // namespace leasehold::http
