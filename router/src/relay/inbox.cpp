#include "relay/inbox.hpp"

namespace leasehold::router::relay {

void inbox::post(work what)
{
    const std::lock_guard hold(mutex_);
    if (transport_ == nullptr) return;  // `what` is a parameter: it dies when the lock is free again
    waiting_.push_back(std::move(what));
    if (waiting_.size() == 1) transport_->wake();
}

void inbox::run()
{
    {
        const std::lock_guard hold(mutex_);
        running_.swap(waiting_);
    }
    for (auto& one : running_) {
        one();
        one = work{};
    }
    running_.clear();
}

void inbox::close()
{
    std::vector<work> left;
    {
        const std::lock_guard hold(mutex_);
        transport_ = nullptr;
        left.swap(waiting_);
    }
    left.clear();  // a promise among it may try to post: the lock is free
}

}  // namespace leasehold::router::relay
