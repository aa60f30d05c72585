#pragma once

#include <leasehold/http/routes.hpp>

#include <string>

namespace leasehold::http {

struct api_info
{
    api_info(std::string what, std::string release) : title(std::move(what)), version(std::move(release)) {}

    std::string title;
    std::string version;
    std::string description;
};

// The OpenAPI 3.1 document of all routes whose path begins with `prefix`, from the tables that drive them.
// The same routes give the same text, byte for byte.
std::string openapi(const routes& of, const api_info& info, std::string_view prefix = "/");

}  // namespace leasehold::http
