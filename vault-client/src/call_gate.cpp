#include "call_gate.hpp"

#include <leasehold/base/log.hpp>

namespace leasehold::vault_client {

call_gate::call_gate(asio::io_context& on, int at_once, std::size_t longest)
    : lane_(on)
    , at_once_(at_once)
    , longest_(longest)
    , idle_(on.get_executor())
{}

bool call_gate::push(const std::string& server, call_rank rank, work what)
{
    auto& mine = servers_[server];
    if (mine.waiting >= longest_) return false;
    mine.ranks[static_cast<std::size_t>(rank)].push_back(std::move(what));
    ++mine.waiting;
    ++under_way_;
    pump(server);
    return true;
}

void call_gate::pump(const std::string& server)
{
    auto& mine = servers_[server];
    while (mine.running < at_once_ && mine.waiting > 0) {
        for (auto& rank : mine.ranks) {
            if (rank.empty()) continue;
            auto next = std::move(rank.front());
            rank.pop_front();
            --mine.waiting;
            ++mine.running;
            spawn(lane_, "lease_roster.call", run_one(shared_from_this(), server, std::move(next)));
            break;
        }
    }
}

task<void> call_gate::run_one(std::shared_ptr<call_gate> self, std::string server, work what)
{
    try {
        auto call = what();
        co_await std::move(call);
    } catch (const std::exception& why) {
        log::failure("lease_roster.call_failed", why, {{"server", server}});
    }
    --self->servers_[server].running;
    --self->under_way_;
    self->pump(server);
    if (self->under_way_ == 0) self->idle_.wake();
}

task<void> call_gate::until_idle()
{
    const auto self = shared_from_this();
    while (self->under_way_ > 0) co_await self->idle_.wait();
}

}  // namespace leasehold::vault_client
