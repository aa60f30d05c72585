#include "front/refusal_log.hpp"

#include <leasehold/base/log.hpp>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t seen_max = 1000;

void tell(const refusal_line& line, std::uint64_t repeated)
{
    log::write(
        line.level,
        "route.refused",
        {{"code", line.code},
         {"reason", line.reason},
         {"listener", line.listener},
         {"protocol", "postgresql"},
         {"request_id", line.request_id},
         {"peer", line.peer},
         {"tls", line.tls},
         {"sni", line.sni},
         {"database", line.database},
         {"option", line.option},
         {"user", line.user},
         {"user_hash", line.user_hash},
         {"keys", line.keys},
         {"tenant", line.tenant},
         {"credential", line.credential},
         {"applied_change", line.applied_change},
         {"age_ms", line.age_ms},
         {"license", line.license},
         {"sqlstate", line.sqlstate},
         {"router", line.router},
         {"lane", line.lane},
         {"repeated", repeated}}
    );
}

}  // namespace

void refusal_log::note(const refusal_line& line, boot_time now)
{
    flush(now);
    const auto [at, is_new] = seen_.try_emplace({line.code, line.peer_group, line.keys});
    if (is_new) {
        at->second = {now, 0, line};
        tell(line, 0);
    } else {
        ++at->second.repeated;
        at->second.line = line;
    }
    if (seen_.size() > seen_max) seen_.clear();
}

void refusal_log::flush(boot_time now)
{
    for (auto one = seen_.begin(); one != seen_.end();) {
        if (now - one->second.told < 10s) {
            ++one;
            continue;
        }
        if (one->second.repeated > 0) tell(one->second.line, one->second.repeated);
        one = seen_.erase(one);
    }
}

}  // namespace leasehold::router
