#pragma once

#include <string>
#include <string_view>

namespace leasehold::http {

// A whole problem answer for a connection that is closed next, where no request could be read.
std::string plain_answer(int status, std::string_view code, std::string_view detail);

// "Bad Request" for 400; empty for a status this product does not use.
std::string_view reason_of(int status) noexcept;

}  // namespace leasehold::http
