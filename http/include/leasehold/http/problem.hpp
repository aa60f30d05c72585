#pragma once

#include <leasehold/base/error.hpp>
#include <leasehold/http/message.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::http {

struct field_problem
{
    field_problem(std::string where, std::string what, std::string text)
        : pointer(std::move(where))
        , code(std::move(what))
        , detail(std::move(text))
    {}

    std::string pointer;  // JSON pointer into the body, or ?name of the query
    std::string code;
    std::string detail;
};

// Input that reads well but is not acceptable, all of it at once. kind invalid. The code is that of the
// fields where they agree, else "fields_invalid". Handlers throw it for what only they can see (a slug that
// is reserved).
class fields_error : public error
{
public:
    explicit fields_error(std::vector<field_problem> problems);
    fields_error(std::string pointer, std::string code, std::string detail);
    [[nodiscard]] const std::vector<field_problem>& problems() const noexcept { return problems_; }

private:
    std::vector<field_problem> problems_;
};

// An error that knows when it is worth coming again: Retry-After.
class retry_later : public error
{
public:
    retry_later(error_kind kind, std::string code, std::string detail, std::chrono::seconds after)
        : error(kind, std::move(code), std::move(detail))
        , after_(after)
    {}
    [[nodiscard]] std::chrono::seconds after() const noexcept { return after_; }

private:
    std::chrono::seconds after_;
};

// RFC 9457, application/problem+json: type, title, status, detail, instance, code, request_id, docs, errors.
// `why` may be a fields_error or a retry_later; retryable kinds get Retry-After in any case.
reply to_problem(const error& why, std::string_view instance, std::string_view request_id);

}  // namespace leasehold::http
