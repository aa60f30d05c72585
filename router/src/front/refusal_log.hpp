#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/error.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

namespace leasehold::router {

// One refused connection, as the log tells it. Texts as the client sent them; no password, no `options`.
struct refusal_line
{
    log_level level = log_level::warn;
    std::string code;
    std::string reason;
    std::string listener;
    std::string request_id;
    std::string peer;
    std::string tls;  // version; empty: clear text
    std::string sni;
    std::string database;
    std::string option;
    std::string user;  // empty: of no form we know; see user_hash
    std::string user_hash;
    std::string keys;    // kind=presented:tid:state, …
    std::string tenant;  // tid of the candidate
    std::string credential;
    std::int64_t applied_change = 0;
    std::int64_t age_ms = 0;
    std::string sqlstate;
    std::string router;
    std::string lane;
    std::string license;
    std::string peer_group;  // what repeats are counted by
};

// Loud refusals (event route.refused): the first of each (code, address, presented keys) in full, repeats
// counted and told every 10 s. Owner and thread: one front lane.
class refusal_log
{
public:
    void note(const refusal_line& line, boot_time now);
    // Tells what was repeated; called now and then.
    void flush(boot_time now);

private:
    struct seen
    {
        boot_time told;
        std::uint64_t repeated = 0;
        refusal_line line;
    };
    std::map<std::tuple<std::string, std::string, std::string>, seen> seen_;
};

}  // namespace leasehold::router
