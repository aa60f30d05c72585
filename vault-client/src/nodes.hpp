#pragma once

#include "answer.hpp"
#include "jitter.hpp"
#include "signal.hpp"

#include <leasehold/base/metrics.hpp>
#include <leasehold/http/client.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::vault_client {

// One listed address of the broker and what the last probe of it said.
struct node
{
    node(const http::origin& at, const http::client_settings& settings, bool listed)
        : where(at)
        , client(at, settings)
        , is_listed(listed)
    {}

    http::origin where;
    http::client client;
    bool is_listed;  // of vault.url; else of vault.redirect_allow: used only when redirected to
    health_report last;
};

// The nodes of one broker and the one that is used. Pinned to the node that says 200, else to one that says
// 429; changed on failure, never per request. While no node can serve, callers get the cause at once and one
// of them probes, first after 1 s, then at doubling intervals up to 30 s: a sealed broker is asked once a
// second at most.
class nodes
{
public:
    nodes(const broker_settings& settings, const clock_source& clock, metrics& into);

    // A node to send to. Throws the cause when none can serve.
    task<node*> pick();
    // That node failed so: look for another at the next pick.
    void leave(const node& failed, failure why) noexcept;
    // A redirect told where the leader is. Null when it is not listed.
    [[nodiscard]] node* find(const http::origin& where) noexcept;
    void pin(node& leader) noexcept { pinned_ = &leader; }

    // The CA file is another one, or holds another: every node is reached anew.
    void forget_ca() noexcept;

    // Health of one node; never throws for a state.
    task<health_report> probe(node& one);
    // Of the best node.
    task<health_report> probe_all();
    [[nodiscard]] node& first() noexcept { return *all_.front(); }
    [[nodiscard]] std::size_t size() const noexcept { return listed_; }

private:
    void down(failure why) noexcept;
    [[nodiscard]] std::filesystem::file_time_type ca_stamp() const noexcept;
    void reload_ca();
    void show(node_state best) noexcept;

    const broker_settings& settings_;
    const clock_source& clock_;
    std::vector<std::unique_ptr<node>> all_;
    std::size_t listed_ = 0;
    node* pinned_ = nullptr;
    bool probing_ = false;
    std::optional<signal> probed_;
    std::optional<failure> down_as_;
    boot_time next_probe_{};
    int probes_down_ = 0;
    std::optional<std::filesystem::file_time_type> ca_seen_;  // none: to be read
    std::vector<std::pair<std::string_view, metrics::gauge>> up_;
    metrics::gauge skew_;
};

}  // namespace leasehold::vault_client
