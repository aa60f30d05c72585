#include "front/failed_logins.hpp"

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t windows_max = 10'000;

}  // namespace

std::size_t failed_logins::count(const window_key& key, boot_time now)
{
    if (windows_.size() > windows_max) {
        std::erase_if(windows_, [&](const auto& one) { return now - one.second.since > 60s; });
    }
    auto& at = windows_[key];
    if (at.count == 0 || now - at.since > 60s) at = {now, 0};
    return ++at.count;
}

bool failed_logins::note(const std::string& tid, const peer_group& from, boot_time now)
{
    const auto of_tenant = count({tid, from}, now);
    const auto of_group = count({"*", from}, now);  // no tid holds a star
    return of_tenant > per_tenant || of_group > per_group;
}

}  // namespace leasehold::router
