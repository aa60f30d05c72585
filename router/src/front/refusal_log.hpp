#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/router/agents/ports.hpp>

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace leasehold::router {

// One refused connection or request, as the log tells it. Texts as the client sent them; no password, no
// `options`. What is empty was not there, and is not in the line either.
struct refusal_line
{
    log_level level = log_level::warn;
    std::string code;
    std::string reason;
    std::string listener;
    std::string protocol;
    std::string session;  // of the connection; requests have their id alone
    std::string request_id;
    std::string peer;
    std::string tls;  // version; "TLS" where only that is known; empty: clear text
    std::string sni;
    std::string host;  // of HTTP
    std::string database;
    std::string option;
    std::string user;  // empty: of no form we know; see user_hash
    std::string user_hash;
    std::vector<agents::presented_name> keys;
    std::string tenant;  // tid of the candidate
    std::string credential_kind;
    std::string credential_id;
    std::int64_t applied_change = 0;
    std::int64_t age_ms = 0;
    std::string source;  // where the directory came from: registry, none
    std::string license;
    std::string sqlstate;
    int status = 0;  // of HTTP
    std::string router;
    std::string lane;
    std::string peer_group;  // what repeats are counted by
};

// Loud refusals (event route.refused): the first of each (code, address, presented keys) in full, repeats
// counted and told every 10 s. Owner and thread: one front lane.
class refusal_log
{
public:
    void note(refusal_line line, boot_time now);
    // Tells what was repeated and is due; the end of time: all of it.
    void flush(boot_time now);

private:
    using key = std::tuple<std::string, std::string, std::string>;
    struct seen
    {
        key which;
        boot_time told;
        std::uint64_t repeated = 0;
        refusal_line line;  // the newest
    };
    void forget_oldest();

    std::list<seen> by_age_;
    std::map<key, std::list<seen>::iterator> all_;
};

}  // namespace leasehold::router
