#include "idle_streams.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace leasehold::http {
namespace {

using std::chrono::steady_clock;

// Lives in the loop: told of its end before anything that a socket needs is gone.
class loop_end final : public asio::execution_context::service
{
public:
    static inline asio::execution_context::id id;

    explicit loop_end(asio::execution_context& loop) : service(loop) {}

    void watch(const std::shared_ptr<idle_streams>& one)
    {
        const auto is_gone = [](const std::weak_ptr<idle_streams>& other) { return other.expired(); };
        watched_.erase(std::remove_if(watched_.begin(), watched_.end(), is_gone), watched_.end());
        watched_.push_back(one);
    }

private:
    void shutdown() noexcept override
    {
        for (const auto& one : watched_) {
            if (const auto alive = one.lock()) alive->end();
        }
    }

    std::vector<std::weak_ptr<idle_streams>> watched_;
};

}  // namespace

std::shared_ptr<idle_streams> idle_streams::make(asio::execution_context& loop)
{
    auto made = std::make_shared<idle_streams>();
    made->loop_ = &loop;
    asio::use_service<loop_end>(loop).watch(made);
    return made;
}

std::unique_ptr<byte_stream> idle_streams::take(std::chrono::milliseconds oldest)
{
    const auto since = steady_clock::now() - oldest;
    while (!all_.empty()) {
        auto last = std::move(all_.back());
        all_.pop_back();
        if (last.since >= since && !last.stream->is_readable()) return std::move(last.stream);
    }
    return nullptr;
}

void idle_streams::keep(std::unique_ptr<byte_stream> stream, std::size_t most)
{
    if (loop_ == nullptr) return;
    stream->expires_at(deadline::max());
    kept one{std::move(stream), steady_clock::now()};
    all_.push_back(std::move(one));
    while (all_.size() > most) all_.pop_front();
}

void idle_streams::end() noexcept
{
    loop_ = nullptr;
    all_.clear();
}

}  // namespace leasehold::http
