#pragma once

#include <leasehold/base/credential.hpp>
#include <leasehold/base/crypto.hpp>
#include <leasehold/router/agents/ports.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::router::agents::test {

// Directory, registry and tenant databases of the gateway, in memory. What the registry changes is in the
// directory at once. Rules of the registry's functions are kept as far as the gateway depends on them.
class fake_ports final : public gateway_ports,
                         public route_lookup,
                         public platform_sessions,
                         public enrollment_registry
{
public:
    struct token_row
    {
        tenant_id tenant;
        std::string secret_hmac;
        std::string outcome = "ok";  // what a holder is told
        std::string approval = "auto";
        std::string tags = "{}";
        std::int64_t uses = 0;
        std::int64_t max_uses = 1;
    };
    struct call
    {
        tenant_id tenant;
        std::vector<statement> statements;
    };

    explicit fake_ports(const hmac_keys& keys) : keys_(keys) {}

    tenant_id add_tenant(const std::string& slug)
    {
        tenant_facts tenant;
        tenant.id = tenant_id::random();
        tenant.tid = tid::of(tenant.id).text();
        tenant.slug = slug;
        tenant.name = slug;
        tenant.state = "active";
        tenant.has_placement = true;
        names["" + slug + ".example.com"] = tenant.id;
        tenants[tenant.id] = tenant;
        return tenant.id;
    }
    // The token's text.
    std::string add_token(tenant_id tenant, std::function<void(token_row&)> change = {})
    {
        const auto made = credential::make(credential_type::enrollment, uuid::random());
        token_row row;
        row.tenant = tenant;
        row.secret_hmac = keys_.stored_form(made.secret_part.reveal());
        if (change) change(row);
        tokens[token_id(made.id)] = row;
        return std::string(made.to_text().reveal());
    }
    // The credential's text; `change` sees the row before it is stored.
    std::string add_host(tenant_id tenant, std::function<void(host_facts&)> change = {})
    {
        const auto made = credential::make(credential_type::host, uuid::random());
        host_facts row;
        row.id = host_id(made.id);
        row.tenant = tenant;
        row.name = "web-1";
        row.state = "active";
        row.generation = 1;
        row.credential_hmac = keys_.stored_form(made.secret_part.reveal());
        row.credential_expires_at = real_clock().wall() + std::chrono::hours(20);
        row.confirmed_at = real_clock().wall();
        if (change) change(row);
        hosts[row.id] = row;
        return std::string(made.to_text().reveal());
    }

    // -- gateway_ports --
    asio::io_context& context() noexcept override { return loop_; }
    route_lookup& lookup() noexcept override { return *this; }
    platform_sessions& sessions() noexcept override { return *this; }
    enrollment_registry& registry() noexcept override { return *this; }
    [[nodiscard]] std::vector<host_id> enrolling_hosts() const override
    {
        std::vector<host_id> found;
        for (const auto& [id, host] : hosts) {
            if (host.state == "enrolling") found.push_back(id);
        }
        return found;
    }

    void note_refusal(const refused_request& what) override { refusals.push_back(what); }

    // -- route_lookup --
    [[nodiscard]] std::optional<tenant_facts> find_tenant(const tenant_id& id) const override
    {
        return find(tenants, id);
    }
    [[nodiscard]] std::optional<host_facts> find_host(const host_id& id) const override
    {
        return find(hosts, id);
    }
    [[nodiscard]] std::optional<tenant_id> find_token(const token_id& id) const override
    {
        const auto row = find(tokens, id);
        if (!row) return std::nullopt;
        return row->tenant;
    }
    [[nodiscard]] named_tenant find_name(std::string_view name) const override
    {
        named_tenant named;
        named.is_key = !name.empty() && name != "agents.example.com";
        named.tenant = find(names, std::string(name));
        return named;
    }
    [[nodiscard]] bool is_loaded() const override { return is_loaded_now; }
    [[nodiscard]] bool is_stale() const override { return is_stale_now; }
    [[nodiscard]] license_state license() const override { return license_now; }
    [[nodiscard]] std::optional<std::int64_t> licensed_hosts() const override { return 1000; }

    // -- platform_sessions --
    task<std::vector<query_result>>
    run(tenant_id tenant, role_class, std::vector<statement> statements) override
    {
        calls.push_back({tenant, statements});
        if (on_run) on_run(calls.back());
        std::vector<query_result> results(statements.size());
        for (std::size_t i = 0; i < statements.size(); ++i) {
            if (statements[i].sql.find("from host_inventory where host_id") != std::string::npos) {
                results[i].rows = inventory_rows;
            }
        }
        co_return results;
    }

    // -- enrollment_registry --
    task<redeemed> redeem(redeem_request what) override
    {
        check_registry();
        redeemed out;
        const auto token = tokens.find(what.token);
        const auto stored = token == tokens.end() ? std::string() : token->second.secret_hmac;
        const bool is_holder = std::count(what.secret_hmacs.begin(), what.secret_hmacs.end(), stored) > 0;
        if (token == tokens.end() || !is_holder) {
            out.outcome = "token_invalid";
            co_return out;
        }
        auto& row = token->second;
        host_facts* replayed = nullptr;
        for (auto& [id, host] : hosts) {
            if (host.public_key == what.public_key && host.tenant == row.tenant) replayed = &host;
        }
        out.outcome = row.outcome;
        if (what.named_tenants &&
            std::count(what.named_tenants->begin(), what.named_tenants->end(), row.tenant) !=
                static_cast<std::ptrdiff_t>(what.named_tenants->size())) {
            out.outcome = "route_key_conflict";
        } else if (replayed != nullptr && replayed->confirmed_at) {
            out.outcome = "already_enrolled";
        } else if (replayed == nullptr && row.uses >= row.max_uses && out.outcome == "ok") {
            out.outcome = "token_used_up";
        } else if (what.license_refusal) {
            out.outcome = *what.license_refusal;
        }
        if (out.outcome != "ok") co_return out;
        if (replayed == nullptr) {
            ++row.uses;
            host_facts host;
            host.id = host_id::random();
            host.tenant = row.tenant;
            host.name = what.name;
            host.state = "enrolling";
            host.public_key = what.public_key;
            hosts[host.id] = host;
            replayed = &hosts[host.id];
            approvals[host.id] = row.approval;
        } else {
            out.is_replay = true;
        }
        out.host = replayed->id;
        out.host_name = replayed->name;
        out.host_state = replayed->state;
        out.tenant = row.tenant;
        out.tid = tenants[row.tenant].tid;
        out.tenant_name = tenants[row.tenant].name;
        out.approval = row.approval;
        out.tags = row.tags;
        co_return out;
    }
    task<host_outcome>
    enrolled(host_id id, std::string hmac, wall_time expires_at, std::string, std::string) override
    {
        check_registry();
        host_outcome out;
        auto& host = hosts.at(id);
        if (host.state == "enrolling") {
            host.state = approvals[id] == "auto" ? "active" : "pending";
            ++host.generation;
        }
        host.credential_hmac = std::move(hmac);
        host.credential_expires_at = expires_at;
        out.outcome = "ok";
        out.state = host.state;
        out.generation = host.generation;
        co_return out;
    }
    task<host_outcome> renew(renew_request what) override
    {
        check_registry();
        host_outcome out;
        auto& host = hosts.at(what.host);
        out.outcome = what.generation == host.generation ? "ok" : "generation_conflict";
        if (out.outcome == "ok") {
            host.next_hmac = what.next_hmac;
            host.next_expires_at = what.next_expires_at;
        }
        out.generation = host.generation + 1;
        co_return out;
    }
    task<host_outcome> promote(host_id id, std::vector<std::string> hmacs) override
    {
        check_registry();
        ++promotions;
        host_outcome out;
        auto& host = hosts.at(id);
        if (!host.next_hmac.empty() && std::count(hmacs.begin(), hmacs.end(), host.next_hmac) > 0) {
            host.previous_hmac = host.credential_hmac;
            host.credential_hmac = host.next_hmac;
            host.credential_expires_at = host.next_expires_at;
            host.next_hmac.clear();
            host.promoted_at = real_clock().wall();
            ++host.generation;
        }
        host.confirmed_at = real_clock().wall();
        out.outcome = "ok";
        co_return out;
    }
    task<host_outcome> lock(host_id, std::string, std::string, std::string, std::string) override
    {
        co_return host_outcome();
    }
    task<void> seen(std::vector<host_id> all) override
    {
        stamped = std::move(all);
        co_return;
    }
    task<void> audit(audit_request what) override
    {
        audits.push_back(std::move(what));
        co_return;
    }
    task<std::int64_t> expire(std::chrono::milliseconds) override { co_return 0; }

    std::map<tenant_id, tenant_facts> tenants;
    std::map<host_id, host_facts> hosts;
    std::map<host_id, std::string> approvals;
    std::map<token_id, token_row> tokens;
    std::map<std::string, tenant_id> names;
    std::vector<call> calls;
    std::vector<audit_request> audits;
    std::vector<refused_request> refusals;
    std::vector<host_id> stamped;
    std::vector<std::vector<std::optional<std::string>>> inventory_rows;
    std::function<void(const call&)> on_run;  // throws, where the database is to refuse
    bool is_registry_away = false;
    bool is_loaded_now = true;
    bool is_stale_now = false;
    license_state license_now = license_state::ok;
    int promotions = 0;

private:
    void check_registry() const
    {
        if (is_registry_away)
            throw error(error_kind::unavailable, "registry_unavailable", "the registry is away");
    }
    template <class Map>
    static std::optional<typename Map::mapped_type> find(const Map& all, const typename Map::key_type& key)
    {
        const auto at = all.find(key);
        if (at == all.end()) return std::nullopt;
        return at->second;
    }

    asio::io_context loop_{1};
    const hmac_keys& keys_;
};

}  // namespace leasehold::router::agents::test
