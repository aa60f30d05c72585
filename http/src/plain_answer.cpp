#include "plain_answer.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace leasehold::http {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 25> reasons{{
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
}};

}  // namespace

std::string_view reason_of(int status) noexcept
{
    const auto* found =
        std::find_if(reasons.begin(), reasons.end(), [&](const auto& row) { return row.first == status; });
    return found == reasons.end() ? std::string_view() : found->second;
}

std::string plain_answer(int status, std::string_view code, std::string_view detail)
{
    const std::string number = std::to_string(status);
    std::string body;
    body.append(R"({"type":"urn:leasehold:error:)")
        .append(code)
        .append(R"(","title":")")
        .append(reason_of(status));
    body.append(R"(","status":)").append(number).append(R"(,"detail":")").append(detail);
    body.append(R"(","code":")").append(code).append("\"}\n");

    std::string all = "HTTP/1.1 " + number + " ";
    all.append(reason_of(status)).append("\r\nContent-Type: application/problem+json\r\nContent-Length: ");
    all.append(std::to_string(body.size())).append("\r\n");
    if (status == 503) all.append("Retry-After: 1\r\n");
    all.append("Connection: close\r\n\r\n").append(body);
    return all;
}

}  // namespace leasehold::http
