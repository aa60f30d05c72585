#include "server/leases.hpp"

#include <leasehold/base/log.hpp>

#include <boost/asio/post.hpp>

#include <utility>

namespace leasehold::router {
namespace {

// Tells its owner when the last connection of the lease is gone.
class told_hold final : public relay::lease_hold
{
public:
    explicit told_hold(std::function<void()> gone) : gone_(std::move(gone)) {}
    ~told_hold() override { gone_(); }

private:
    std::function<void()> gone_;
};

}  // namespace

relay::lease_number to_number(const vault_client::lease_ref& ref) noexcept
{
    return {ref.tenant, ref.placement_generation, ref.role, ref.number};
}

vault_client::lease_ref to_ref(const relay::lease_number& number) noexcept
{
    return {number.tenant, number.placement_generation, number.role, number.number};
}

std::shared_ptr<relay::lease_hold> leases::hold(const vault_client::lease& of)
{
    auto& known = used_[of.ref];
    if (auto held = known.hold.lock()) return held;
    auto made = std::make_shared<told_hold>([this, which = of.ref] {
        asio::post(on_, [this, which] { closed(which); });
    });
    known.hold = made;
    return made;
}

std::shared_ptr<server_identity> leases::identity(const vault_client::lease& of)
{
    auto& known = used_[of.ref];
    if (!known.identity) {
        // Shares the login's life: the password is nowhere copied.
        const std::shared_ptr<const secret<std::string>> password(of.login, &of.login->password);
        known.identity = std::make_shared<server_identity>(of.login->username, password);
    }
    return known.identity;
}

void leases::closed(const vault_client::lease_ref& which)
{
    const auto known = used_.find(which);
    if (known == used_.end() || !known->second.hold.expired()) return;  // taken up again meanwhile
    if (roster_ != nullptr) roster_->drained(which);
}

void leases::note_used()
{
    for (auto& [which, known] : used_) {
        const auto held = known.hold.lock();
        if (!held || roster_ == nullptr) continue;
        const auto last = held->last_lent.load(std::memory_order_relaxed);
        const bool is_lent = held->lent.load(std::memory_order_relaxed) > 0;
        if (is_lent || last != std::exchange(known.told, last)) roster_->note_used(which);
        if (held->kept.load(std::memory_order_relaxed) > 0) roster_->note_kept(which);
    }
}

void leases::on_successor(vault_client::lease_ptr next, vault_client::lease_ref previous)
{
    log::info(
        "lease.current",
        {{"tenant", tid::of(next->ref.tenant).text()},
         {"role_class", to_text(next->ref.role)},
         {"number", next->ref.number},
         {"previous", previous.number},
         {"term_s", next->term.count()},
         {"lease", next->login->id.fingerprint()}}
    );
}

void leases::on_renewed(vault_client::lease_ptr renewed)
{
    relays_->lease_renewed(to_number(renewed->ref), renewed->ends_at());
}

void leases::on_ending(vault_client::lease_ref which, boot_time by)
{
    relays_->lease_ending(to_number(which), by);
    const auto known = used_.find(which);
    if (known == used_.end() || known->second.hold.expired()) {
        asio::post(on_, [this, which] {
            if (roster_ != nullptr) roster_->drained(which);
        });
    }
}

void leases::on_last_call(vault_client::lease_ref which, boot_time /*by*/)
{
    relays_->lease_last_call(to_number(which));
}

void leases::on_ended(vault_client::lease_ref which, vault_client::lease_end why)
{
    log::info(
        "lease.ended",
        {{"tenant", tid::of(which.tenant).text()},
         {"role_class", to_text(which.role)},
         {"number", which.number},
         {"why", to_text(why)}}
    );
    relays_->lease_ended(to_number(which));
    used_.erase(which);
}

}  // namespace leasehold::router
