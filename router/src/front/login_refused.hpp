#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace leasehold::router {

// Why a client is not let in: a code of wire::error_rows. `reason` is for the log alone.
struct login_refused : std::exception
{
    explicit login_refused(std::string_view of, std::string_view why = {}, std::string advice = {})
        : code(of)
        , reason(why)
        , hint(std::move(advice))
    {}
    [[nodiscard]] const char* what() const noexcept override { return code.c_str(); }

    std::string code;
    std::string reason;
    std::string hint;     // empty: the code's own
    std::string message;  // empty: the code's own
};

}  // namespace leasehold::router
