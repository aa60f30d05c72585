#pragma once

#include "verdict.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/http/client.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace leasehold::agent {

// What came back, judged. A gateway that cannot be reached is an answer, too: later, with code "http_…".
struct gateway_answer
{
    gateway_answer() = default;

    verdict means = verdict::later;
    int status = 0;  // 0: none came
    std::string code;
    std::string detail;
    nlohmann::json body = nlohmann::json::object();  // of success
    std::chrono::seconds retry_after{0};
    std::optional<std::chrono::milliseconds> clock_error;  // how far this machine's clock is ahead
    std::optional<wall_time> time;                         // the gateway's
};

struct gateway_request
{
    gateway_request(http::method how, std::string where) : verb(how), path(std::move(where)) {}

    http::method verb;
    std::string path;  // below /agent/v1
    std::string body;
    std::string bearer;     // wiped after use
    std::string signature;  // empty: none
};

// The calls of the agent's API over one keep-alive connection. Owner and thread: the agent's loop.
class gateway
{
public:
    gateway(const std::string& url, const std::string& ca_file);
    task<gateway_answer> ask(gateway_request what);

private:
    http::client client_;
};

}  // namespace leasehold::agent
