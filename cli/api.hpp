#pragma once

#include "invocation.hpp"

#include <leasehold/base/secret.hpp>
#include <leasehold/http/client.hpp>

#include <boost/asio/io_context.hpp>

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::cli {

// The control plane's API as one command uses it: blocking calls, one after the other. Bodies are JSON.
// Errors: refused_by_server for every answer that is no success; http::exchange_error; invalid
// server_not_https, key_not_a_reference, key_missing.
class api
{
public:
    explicit api(const invocation& how);

    std::string get(const std::string& path);
    std::string post(const std::string& path, const nlohmann::json& body);
    std::string post(const std::string& path);  // of routes that take no body
    std::string put(const std::string& path, const nlohmann::json& body);
    std::string del(const std::string& path);

    // All pages of a list, as one.
    nlohmann::json list(const std::string& path, const std::string& query = {});

private:
    std::string send(http::method verb, const std::string& path, std::string body);

    secret<std::string> key_;
    std::chrono::milliseconds timeout_;
    asio::io_context loop_{1};
    http::client client_;
};

std::string encode_query(std::string_view text);

}  // namespace leasehold::cli
