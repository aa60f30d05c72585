#include "plain_answer.hpp"

#include <leasehold/http/problem.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace leasehold::http {
namespace {

std::string common_code(const std::vector<field_problem>& all)
{
    const bool agree = !all.empty() && std::all_of(all.begin(), all.end(), [&](const field_problem& one) {
        return one.code == all.front().code;
    });
    return agree ? all.front().code : "fields_invalid";
}

std::string summary_of(const std::vector<field_problem>& all)
{
    if (all.size() != 1) return std::to_string(all.size()) + " fields are not acceptable";
    return all.front().pointer + " " + all.front().detail;
}

std::vector<field_problem> one_problem(std::string pointer, std::string code, std::string detail)
{
    std::vector<field_problem> all;
    all.emplace_back(std::move(pointer), std::move(code), std::move(detail));
    return all;
}

}  // namespace

fields_error::fields_error(std::vector<field_problem> problems)
    : error(error_kind::invalid, common_code(problems), summary_of(problems))
    , problems_(std::move(problems))
{}

fields_error::fields_error(std::string pointer, std::string code, std::string detail)
    : fields_error(one_problem(std::move(pointer), std::move(code), std::move(detail)))
{}

reply to_problem(const error& why, std::string_view instance, std::string_view request_id)
{
    const int status = http_status_of(why.kind(), why.code());
    nlohmann::ordered_json body;
    body["type"] = "urn:leasehold:error:" + why.code();
    body["title"] = std::string(reason_of(status));
    body["status"] = status;
    body["detail"] = why.detail();
    body["instance"] = std::string(instance);
    body["code"] = why.code();
    body["request_id"] = std::string(request_id);
    body["docs"] = "docs/errors.md#" + why.code();
    if (const auto* fields = dynamic_cast<const fields_error*>(&why)) {
        auto& list = body["errors"] = nlohmann::ordered_json::array();
        for (const auto& one : fields->problems()) {
            nlohmann::ordered_json entry;
            entry["pointer"] = one.pointer;
            entry["code"] = one.code;
            entry["detail"] = one.detail;
            list.push_back(std::move(entry));
        }
    }
    constexpr auto replace = nlohmann::ordered_json::error_handler_t::replace;
    reply made(status, "application/problem+json", body.dump(-1, ' ', false, replace) + "\n");
    if (const auto* later = dynamic_cast<const retry_later*>(&why)) {
        made.fields.set("Retry-After", std::to_string(later->after().count()));
    } else if (why.kind() == error_kind::unavailable || why.kind() == error_kind::rate_limited) {
        made.fields.set("Retry-After", "2");
    }
    if (status == 401) made.fields.set("WWW-Authenticate", "Bearer realm=\"leasehold\"");
    return made;
}

}  // namespace leasehold::http
