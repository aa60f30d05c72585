#include "jitter.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/vault-client/identified_broker.hpp>

#include <map>

namespace leasehold::vault_client {
namespace {

constexpr std::chrono::seconds just_provisioned{5};
constexpr std::chrono::minutes denied_line_every{1};
constexpr std::size_t most_recent_roles = 1000;

enum class repeat : std::uint8_t
{
    never,
    unsent,     // only what certainly had no effect
    idempotent  // safe to do twice
};

bool had_no_effect(failure what) noexcept
{
    return what == failure::unreachable || what == failure::stale || what == failure::not_active ||
           what == failure::throttled;
}

bool may_repeat(repeat how, failure what) noexcept
{
    switch (how) {
    case repeat::never:
        return false;
    case repeat::unsent:
        return had_no_effect(what);
    case repeat::idempotent:
        return had_no_effect(what) || what == failure::answer_lost || what == failure::server_busy;
    }
    return false;
}

class repeating_broker final : public identified_broker
{
public:
    repeating_broker(
        asio::io_context& on,
        std::unique_ptr<broker> raw,
        std::unique_ptr<identity> who,
        token_settings token,
        retry_settings retry,
        const clock_source& clock,
        metrics& into
    )
        : raw_(std::move(raw))
        , who_(std::move(who))
        , tokens_(on, *raw_, *who_, token, clock, into)
        , retry_(retry)
        , clock_(clock)
        , retries_(
              into.make_counter("leasehold_broker_retries_total", "Calls to the broker that were repeated")
          )
    {}

    token_keeper& tokens() noexcept override { return tokens_; }
    void reload(const vault_config& from, const broker_identity_config& login) override
    {
        raw_->use_ca_file(from.ca_file.string());
        who_->use_files(login);
    }
    task<void> stop() override { co_await tokens_.stop(); }

    void use_token(std::shared_ptr<const secret<std::string>> token) override
    {
        raw_->use_token(std::move(token));
    }
    task<health_report> health() override { co_return co_await raw_->health(); }
    task<token_grant>
    login_approle(mount_name mount, std::string role_id, const secret<std::string>& secret_id) override
    {
        co_return co_await raw_->login_approle(mount, role_id, secret_id);
    }
    task<token_facts> lookup_self() override
    {
        const auto go = [&] { return raw_->lookup_self(); };
        co_return co_await repeated<token_facts>(repeat::idempotent, go);
    }
    task<term> renew_self(seconds increment) override
    {
        const auto go = [&] { return raw_->renew_self(increment); };
        co_return co_await repeated<term>(repeat::idempotent, go);
    }
    task<void> revoke_self() override { co_await raw_->revoke_self(); }
    task<std::map<std::string, std::vector<std::string>>> capabilities_self(std::vector<std::string> paths
    ) override
    {
        const auto go = [&] { return raw_->capabilities_self(paths); };
        co_return co_await repeated<std::map<std::string, std::vector<std::string>>>(repeat::idempotent, go);
    }

    task<issued> issue(broker_role name, write_index after) override;
    task<term> renew(lease_id id, seconds increment) override
    {
        const auto go = [&] { return raw_->renew(id, increment); };
        co_return co_await repeated<term>(repeat::idempotent, go);
    }
    task<void> revoke(lease_id id, completion how) override
    {
        const auto go = [&] { return raw_->revoke(id, how); };
        co_await repeated<void>(repeat::idempotent, go);
    }
    task<void> revoke_prefix(broker_role name, completion how) override
    {
        const auto go = [&] { return raw_->revoke_prefix(name, how); };
        co_await repeated<void>(repeat::idempotent, go);
    }
    task<page<lease_id>> list_leases(broker_role name, page_start from) override
    {
        const auto go = [&] { return raw_->list_leases(name, from); };
        co_return co_await repeated<page<lease_id>>(repeat::idempotent, go);
    }
    task<std::vector<irrevocable_lease>> list_irrevocable() override
    {
        const auto go = [&] { return raw_->list_irrevocable(); };
        co_return co_await repeated<std::vector<irrevocable_lease>>(repeat::idempotent, go);
    }

    task<write_index> put_role(broker_role name, const role_terms& terms) override
    {
        const auto go = [&] { return raw_->put_role(name, terms); };
        auto index = co_await repeated<write_index>(repeat::idempotent, go);
        if (made_.size() >= most_recent_roles) made_.clear();
        made_.insert_or_assign(name, clock_.boot());
        co_return index;
    }
    task<std::optional<role_terms>> get_role(broker_role name) override
    {
        const auto go = [&] { return raw_->get_role(name); };
        co_return co_await repeated<std::optional<role_terms>>(repeat::idempotent, go);
    }
    task<void> delete_role(broker_role name) override
    {
        const auto go = [&] { return raw_->delete_role(name); };
        co_await repeated<void>(repeat::idempotent, go);
    }
    task<page<broker_role>> list_roles(page_start from) override
    {
        const auto go = [&] { return raw_->list_roles(from); };
        co_return co_await repeated<page<broker_role>>(repeat::idempotent, go);
    }
    task<std::optional<kv_entry>> get_kv(kv_path path) override
    {
        const auto go = [&] { return raw_->get_kv(path); };
        co_return co_await repeated<std::optional<kv_entry>>(repeat::idempotent, go);
    }
    task<int> put_kv(
        kv_path path, const std::map<std::string, secret<std::string>>& data, std::optional<int> cas
    ) override
    {
        // With a version to match, a second try after a lost answer would find its own first one.
        const auto how = cas ? repeat::unsent : repeat::idempotent;
        const auto go = [&] { return raw_->put_kv(path, data, cas); };
        co_return co_await repeated<int>(how, go);
    }
    task<void> delete_kv(kv_path path) override
    {
        const auto go = [&] { return raw_->delete_kv(path); };
        co_await repeated<void>(repeat::idempotent, go);
    }
    task<std::optional<std::map<int, std::string>>> get_transit_key(transit_key name) override
    {
        const auto go = [&] { return raw_->get_transit_key(name); };
        co_return co_await repeated<std::optional<std::map<int, std::string>>>(repeat::idempotent, go);
    }

private:
    // Logs in when needed, calls, and calls again where `how` allows it. One repeat after a dead token,
    // whatever `how` says: a dead token's call had no effect.
    template <class T, class Call>
    task<T> repeated(repeat how, const Call& call, int attempts = 0);
    void note_denied(const failure_report& report);
    [[nodiscard]] std::chrono::nanoseconds pause(int tries, const failure_report& report);

    std::unique_ptr<broker> raw_;
    std::unique_ptr<identity> who_;
    token_keeper tokens_;
    retry_settings retry_;
    const clock_source& clock_;
    metrics::counter retries_;
    jitter chance_;
    std::map<broker_role, boot_time> made_;          // by this process, lately
    std::map<std::string, boot_time> denied_lines_;  // last line by path
};

template <class T, class Call>
task<T> repeating_broker::repeated(repeat how, const Call& call, int attempts)
{
    const int most = attempts > 0 ? attempts : retry_.attempts;
    bool logged_in_again = false;
    for (int tries = 1;; ++tries) {
        outcome<T> result;
        std::optional<failure_report> failed;
        std::uint64_t generation = 0;
        try {
            const auto current = co_await tokens_.ensure();
            generation = current;
            if constexpr (std::is_void_v<T>) {
                co_await call();
                result.capture([] {});
            } else {
                auto value = co_await call();
                result.capture([&] { return std::move(value); });
            }
        } catch (const error& why) {
            failed = why.report();
            result.fail(std::current_exception());
        }
        if (!failed) co_return result.take();
        if (failed->what == failure::denied) note_denied(*failed);
        if (failed->what == failure::token_dead && generation != 0 && !logged_in_again) {
            logged_in_again = true;
            co_await tokens_.replace(generation);
            retries_.add();
            continue;
        }
        if (tries >= most || !may_repeat(how, failed->what)) co_return result.take();  // throws
        retries_.add();
        co_await sleep_for(pause(tries, *failed));
    }
}

std::chrono::nanoseconds repeating_broker::pause(int tries, const failure_report& report)
{
    if (report.retry_after) {
        // Not before what was asked; spread, so that many callers do not come back in step.
        const std::chrono::nanoseconds least =
            std::min<std::chrono::nanoseconds>(*report.retry_after, retry_.most);
        return least + chance_.back_off(0, retry_.least, retry_.most);
    }
    return chance_.back_off(tries - 1, retry_.least, retry_.most);
}

void repeating_broker::note_denied(const failure_report& report)
{
    const auto now = clock_.boot();
    if (denied_lines_.size() > most_recent_roles) denied_lines_.clear();
    auto [found, fresh] = denied_lines_.try_emplace(report.path, now);
    if (!fresh && now < found->second + denied_line_every) return;
    found->second = now;
    log::error("broker.denied", {{"identity", who_->name()}, {"path", report.path}, {"node", report.node}});
}

task<issued> repeating_broker::issue(broker_role name, write_index after)
{
    std::uint64_t under = 0;
    const auto go = [&] {
        under = tokens_.generation();
        return raw_->issue(name, after);
    };
    const auto made = made_.find(name);
    const bool fresh =
        !after.empty() || (made != made_.end() && clock_.boot() < made->second + just_provisioned);
    for (int tries = 1;; ++tries) {
        std::optional<failure_report> failed;
        outcome<issued> result;
        try {
            auto value = co_await repeated<issued>(repeat::unsent, go);
            value.token_generation = under;
            result.capture([&] { return std::move(value); });
        } catch (const error& why) {
            failed = why.report();
            result.fail(std::current_exception());
        }
        // Standbys follow within seconds: a role that was just written may not be seen yet.
        const bool again =
            failed && failed->what == failure::role_unknown && fresh && tries < retry_.role_unknown_attempts;
        if (!again) co_return result.take();
        retries_.add();
        co_await sleep_for(chance_.back_off(tries - 1, retry_.least, retry_.most));
    }
}

}  // namespace

std::unique_ptr<identified_broker> create_identified_broker(
    asio::io_context& on,
    std::unique_ptr<broker> raw,
    std::unique_ptr<identity> who,
    token_settings token,
    retry_settings retry,
    const clock_source& clock,
    metrics& into
)
{
    return std::make_unique<repeating_broker>(on, std::move(raw), std::move(who), token, retry, clock, into);
}

std::unique_ptr<identified_broker> create_identified_broker(
    asio::io_context& on, const vault_config& from, const broker_identity_config& login, std::string name
)
{
    return create_identified_broker(
        on, create_vault_broker(settings_of(from)), create_identity(std::move(name), login)
    );
}

}  // namespace leasehold::vault_client
