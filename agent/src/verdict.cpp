#include "verdict.hpp"

#include <array>

namespace leasehold::agent {
namespace {

struct row
{
    int status;
    std::string_view code;  // a trailing * stands for any end; empty: whatever the code
    verdict means;
};

// First match wins. What no row names (404, 500, a proxy's own page) is waited out: nothing is lost by
// waiting.
constexpr std::array rows{
    row{400, "", verdict::set_aside},
    row{413, "", verdict::set_aside},
    row{415, "", verdict::set_aside},
    row{422, "", verdict::set_aside},
    row{401, "token_*", verdict::token_refused},
    row{403, "token_*", verdict::token_refused},
    row{409, "token_*", verdict::token_refused},
    row{409, "already_enrolled", verdict::token_refused},
    row{401, "credential_expired", verdict::renew},
    row{401, "", verdict::credential_dead},
    row{402, "", verdict::hold},
    row{403, "approval_pending", verdict::hold},
    row{403, "tenant_suspended", verdict::hold},
    row{409, "host_limit", verdict::hold},
    row{403, "host_locked", verdict::stop_sending},
    row{403, "host_revoked", verdict::stop_sending},
    row{403, "route_key_conflict", verdict::stop_sending},
    row{409, "generation_conflict", verdict::credential_dead},
};

bool fits(std::string_view pattern, std::string_view code) noexcept
{
    if (pattern.empty()) return true;
    if (pattern.back() == '*') return code.starts_with(pattern.substr(0, pattern.size() - 1));
    return pattern == code;
}

}  // namespace

verdict judge(int status, std::string_view code) noexcept
{
    if (status >= 200 && status < 300) return verdict::stored;
    for (const auto& one : rows) {
        if (one.status == status && fits(one.code, code)) return one.means;
    }
    return verdict::later;
}

}  // namespace leasehold::agent
