#include "front/failed_logins.hpp"

namespace leasehold::router {

using namespace std::chrono_literals;

std::size_t failed_logins::count(const window_key& key, boot_time now)
{
    while (!by_age_.empty() && now - by_age_.front()->second.since > 60s) forget_oldest();
    auto at = windows_.find(key);
    if (at == windows_.end()) {
        if (windows_.size() >= windows_max) forget_oldest();
        at = windows_.insert({key, {now, 0}}).first;
        by_age_.push_back(at);
    }
    return ++at->second.count;
}

void failed_logins::forget_oldest()
{
    windows_.erase(by_age_.front());
    by_age_.pop_front();
}

bool failed_logins::note(const std::string& tid, const peer_group& from, boot_time now)
{
    const auto of_tenant = count({tid, from}, now);
    const auto of_group = count({"*", from}, now);  // no tid holds a star
    return of_tenant > per_tenant || of_group > per_group;
}

}  // namespace leasehold::router
