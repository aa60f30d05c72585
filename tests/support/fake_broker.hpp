#pragma once

#include <leasehold/vault-client/broker.hpp>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace leasehold::test {

namespace vc = leasehold::vault_client;

// A broker in memory with the outward behaviour of OpenBAO's (the conformance list runs on both), for tests
// of what stands above it. It makes no logins on a server. One lane.
class fake_broker : public vc::broker
{
public:
    explicit fake_broker(const clock_source& clock) : clock_(clock) {}

    // -- set-up --
    // An AppRole that may log in. Its tokens may do what `denied` does not take away.
    void add_approle(std::string role_id, std::string secret_id)
    {
        approles_[std::move(role_id)] = std::move(secret_id);
    }
    // A token that exists without a login.
    void add_token(std::string token, vc::seconds ttl);
    void
    allow_role(const vc::broker_role& name, vc::seconds term, vc::seconds max_term, bool renewable = true);

    // -- faults --
    // The next `times` calls of this name ("issue", "renew", …) fail so. After the effect: the work is done,
    // the answer is lost.
    void fail(const std::string& call, vc::failure what, int times = 1);
    void lose_answer(const std::string& call, int times = 1);
    void deny(const std::string& call) { denied_.insert(call); }
    void allow(const std::string& call) { denied_.erase(call); }
    void kill_tokens();  // and with them their leases
    void kill_leases(const vc::broker_role& role);
    void seal(bool sealed) { sealed_ = sealed; }
    void give_wrong_logins(std::string role) { wrong_role_ = std::move(role); }
    // The next calls of this name wait until release().
    void hold(const std::string& call) { held_.insert(call); }
    void release(const std::string& call) { held_.erase(call); }

    // -- looking --
    [[nodiscard]] int calls(const std::string& call) const;
    [[nodiscard]] std::size_t leases() const { return leases_.size(); }
    [[nodiscard]] std::size_t tokens() const { return tokens_.size(); }

    void use_token(std::shared_ptr<const secret<std::string>> token) override { token_ = std::move(token); }
    task<vc::health_report> health() override;
    task<vc::token_grant>
    login_approle(vc::mount_name mount, std::string role_id, const secret<std::string>& secret_id) override;
    task<vc::token_facts> lookup_self() override;
    task<vc::term> renew_self(vc::seconds increment) override;
    task<void> revoke_self() override;
    task<std::map<std::string, std::vector<std::string>>> capabilities_self(std::vector<std::string> paths
    ) override;
    task<vc::issued> issue(vc::broker_role name, vc::write_index after) override;
    task<vc::term> renew(vc::lease_id id, vc::seconds increment) override;
    task<void> revoke(vc::lease_id id, vc::completion how) override;
    task<void> revoke_prefix(vc::broker_role name, vc::completion how) override;
    task<vc::page<vc::lease_id>> list_leases(vc::broker_role name, vc::page_start from) override;
    task<std::vector<vc::irrevocable_lease>> list_irrevocable() override;
    task<vc::write_index> put_role(vc::broker_role name, const vc::role_terms& terms) override;
    task<std::optional<vc::role_terms>> get_role(vc::broker_role name) override;
    task<void> delete_role(vc::broker_role name) override;
    task<vc::page<vc::broker_role>> list_roles(vc::page_start from) override;
    task<std::optional<vc::kv_entry>> get_kv(vc::kv_path path) override;
    task<int> put_kv(
        vc::kv_path path, const std::map<std::string, secret<std::string>>& data, std::optional<int> cas
    ) override;
    task<void> delete_kv(vc::kv_path path) override;
    task<std::optional<std::map<int, std::string>>> get_transit_key(vc::transit_key name) override;

    vc::seconds token_ttl{14400};
    vc::seconds token_max{0};  // 0: periodic, no maximum
    bool tokens_renewable = true;

private:
    struct token_row
    {
        boot_time made;
        boot_time ends;
        vc::seconds ttl{0};
    };
    struct lease_row
    {
        vc::broker_role role;
        std::string token;
        boot_time made;
        boot_time ends;
    };

    // What every call begins with: counting, waiting, faults, token, policy.
    task<void> enter(std::string call, bool with_token);
    void leave(const std::string& call);
    void expire();

    const clock_source& clock_;
    std::map<std::string, std::string> approles_;
    std::map<std::string, token_row> tokens_;
    std::map<vc::lease_id, lease_row> leases_;
    std::map<vc::broker_role, vc::role_terms> roles_;
    std::set<vc::broker_role> fixed_term_;  // not renewable
    std::map<std::string, std::pair<int, std::map<std::string, std::string>>> kv_;
    std::shared_ptr<const secret<std::string>> token_;
    std::map<std::string, std::deque<vc::failure>> faults_;
    std::map<std::string, int> lost_;
    std::set<std::string> denied_;
    std::set<std::string> held_;
    std::map<std::string, int> calls_;
    std::string wrong_role_;
    boot_time expired_at_{};
    std::size_t expired_tokens_ = 0;
    bool sealed_ = false;
    int serial_ = 0;
};

}  // namespace leasehold::test
