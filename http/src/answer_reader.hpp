#pragma once

#include "byte_stream.hpp"
#include "wiped.hpp"

#include <leasehold/http/client.hpp>

#include <optional>
#include <string>

namespace leasehold::http {

// How one exchange ended: an answer, or what went wrong.
struct exchange_end
{
    std::optional<answer> got;
    bool may_be_kept = false;  // the connection can carry another exchange
    bool is_lost = false;      // nothing usable: the connection ended or time ran out
    exchange_failure failure = exchange_failure::answer_lost;
    std::string detail;
};

// Reads one answer, past interim (1xx) ones. Throws nothing.
task<exchange_end> read_answer(byte_stream& from, std::size_t body_limit);

}  // namespace leasehold::http
