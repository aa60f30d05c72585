#include <leasehold/http/client.hpp>

#include <utility>

namespace leasehold::http {
namespace {

error_kind kind_of(exchange_failure what) noexcept
{
    const bool is_protocol = what == exchange_failure::malformed || what == exchange_failure::too_large;
    return is_protocol ? error_kind::protocol : error_kind::unavailable;
}

const char* code_of(exchange_failure what) noexcept
{
    switch (what) {
    case exchange_failure::unreachable:
        return "http_unreachable";
    case exchange_failure::answer_lost:
        return "http_answer_lost";
    case exchange_failure::tls:
        return "http_tls";
    case exchange_failure::malformed:
        return "http_malformed";
    case exchange_failure::too_large:
        return "http_answer_too_large";
    }
    return "http_malformed";
}

}  // namespace

exchange_error::exchange_error(exchange_failure what, bool request_sent, std::string detail)
    : error(kind_of(what), code_of(what), std::move(detail))
    , failure_(what)
    , request_sent_(request_sent)
{}

}  // namespace leasehold::http
