#include "lane_metrics.hpp"

namespace leasehold::router {

lane_metrics::lane_metrics(metrics& into)
    : age_(into.make_gauge("leasehold_router_directory_age_seconds", "Since the registry was last heard."))
    , gaps_(into.make_gauge("leasehold_router_feed_gaps", "Change ids that may still appear."))
{
    using of = relay::counters;
    const auto grows =
        [&](relay::tally of::*what, std::string_view name, std::string_view help, metrics::labels with = {}) {
            growing_.push_back({what, into.make_counter(name, help, with), 0});
        };
    const auto is_now =
        [&](relay::tally of::*what, std::string_view name, std::string_view help, metrics::labels with = {}) {
            present_.push_back({what, into.make_gauge(name, help, with)});
        };
    is_now(&of::sessions, "leasehold_router_clients", "Admitted clients.", {{"state", "admitted"}});
    is_now(&of::waiting, "leasehold_router_clients", "Admitted clients.", {{"state", "waiting"}});
    is_now(&of::servers, "leasehold_router_servers", "Server connections.", {{"state", "all"}});
    is_now(&of::servers_busy, "leasehold_router_servers", "Server connections.", {{"state", "busy"}});
    is_now(&of::pools, "leasehold_router_pools", "Pools that exist.");
    grows(&of::transactions, "leasehold_router_transactions_total", "Loans of a server connection.");
    grows(&of::queries, "leasehold_router_queries_total", "ReadyForQuery passed on.");
    grows(&of::internal_calls, "leasehold_router_internal_calls_total", "Calls of the platform.");
    grows(
        &of::bytes_from_clients, "leasehold_router_bytes_total", "Bytes relayed.", {{"kind", "from_clients"}}
    );
    grows(
        &of::bytes_from_servers, "leasehold_router_bytes_total", "Bytes relayed.", {{"kind", "from_servers"}}
    );
    grows(&of::pins, "leasehold_router_pins_total", "Sessions pinned to a server connection.");
    grows(
        &of::pool_timeouts,
        "leasehold_router_pool_timeouts_total",
        "Waits for a server connection that ended."
    );
    grows(&of::servers_lost, "leasehold_router_servers_lost_total", "Server connections lost in use.");
    grows(&of::clients_lost, "leasehold_router_clients_lost_total", "Clients gone in mid query.");
    grows(&of::cancels, "leasehold_router_cancels_total", "Cancel requests passed on.");
    grows(&of::sessions_killed, "leasehold_router_sessions_killed_total", "Sessions ended by the platform.");
    grows(&of::lease_cuts, "leasehold_router_lease_cuts_total", "Sessions ended with their lease.");
    const auto record = [&](std::size_t directory_counts::*what, std::string_view kind) {
        records_.emplace_back(
            what,
            into.make_gauge(
                "leasehold_router_directory_records", "Records of the directory.", {{"kind", kind}}
            )
        );
    };
    record(&directory_counts::tenants, "tenant");
    record(&directory_counts::keys, "key");
    record(&directory_counts::hosts, "host");
    record(&directory_counts::domains, "domain");
    record(&directory_counts::servers, "server");
}

void lane_metrics::tell(const relay::lane_set& lanes, const feed_facts& feed, const directory* now)
{
    const auto sum = [&](relay::tally relay::counters::*what) {
        std::uint64_t all = 0;
        for (const auto& one : lanes.lanes()) all += (one->read_counters().*what).get();
        return all;
    };
    for (auto& one : growing_) {
        const auto total = sum(one.of);
        one.to.add(static_cast<double>(total - one.told));
        one.told = total;
    }
    for (const auto& one : present_) one.to.set(static_cast<double>(sum(one.of)));
    age_.set(std::chrono::duration<double>(feed.age(boot_clock::now())).count());
    gaps_.set(static_cast<double>(feed.gaps.load()));
    if (now == nullptr) return;
    const auto count = now->count();
    for (const auto& [what, to] : records_) to.set(static_cast<double>(count.*what));
}

}  // namespace leasehold::router
