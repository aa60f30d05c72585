#pragma once

#include <string>
#include <utility>

namespace leasehold::cli {

// One line of /readyz.
struct readiness_check
{
    readiness_check() = default;
    readiness_check(std::string what, bool ok, bool needed, std::string text)
        : name(std::move(what))
        , is_ok(ok)
        , is_needed(needed)
        , detail(std::move(text))
    {}

    std::string name;
    bool is_ok = false;
    bool is_needed = true;  // false: the process is ready without it, but degraded
    std::string detail;     // for people; no secret
};

}  // namespace leasehold::cli
