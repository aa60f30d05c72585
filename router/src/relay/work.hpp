#pragma once

#include <memory>
#include <utility>

namespace leasehold::router::relay {

// A move-only call without arguments: what is posted to a lane. (std::function cannot hold a socket.)
class work
{
public:
    work() noexcept = default;
    template <class Call>
    requires(!std::is_same_v<std::decay_t<Call>, work>)
        work(Call&& call)  // NOLINT(google-explicit-constructor): a lambda is a work
        : held_(std::make_unique<holder<std::decay_t<Call>>>(std::forward<Call>(call)))
    {}

    void operator()() { held_->run(); }
    explicit operator bool() const noexcept { return held_ != nullptr; }

private:
    struct base
    {
        base() = default;
        base(const base&) = delete;
        base& operator=(const base&) = delete;
        virtual ~base() = default;
        virtual void run() = 0;
    };
    template <class Call>
    struct holder final : base
    {
        explicit holder(Call&& call) : call_(std::move(call)) {}
        explicit holder(const Call& call) : call_(call) {}
        void run() override { call_(); }
        Call call_;
    };

    std::unique_ptr<base> held_;
};

}  // namespace leasehold::router::relay
