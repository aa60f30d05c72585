#pragma once

// Bodies of the templates of pool.hpp; include that one.
#include <leasehold/database/pool.hpp>

namespace leasehold::database {
namespace detail {

// What the work gave, set anew each time the work is run again.
template <class Work>
class answer_of
{
public:
    using type = std::invoke_result_t<Work&, transaction&>;
    static_assert(
        !std::is_reference_v<type>, "what the work returns outlives the transaction: return a value"
    );

    void keep(Work& work, transaction& tx)
    {
        if constexpr (std::is_void_v<type>) {
            work(tx);
        } else {
            value_.reset();
            value_.emplace(work(tx));
        }
    }
    type take()
    {
        if constexpr (!std::is_void_v<type>) return std::move(*value_);
    }

private:
    std::optional<std::conditional_t<std::is_void_v<type>, std::monostate, type>> value_;
};

}  // namespace detail

template <class Work>
task<std::invoke_result_t<Work&, transaction&>> pool::run(Work work)
{
    detail::answer_of<Work> answer;
    outcome<void> end;
    const std::function<void(transaction&)> body = [&](transaction& tx) { answer.keep(work, tx); };
    const std::function<void(session&)> on_worker = [&](session& own) {
        end.capture([&] { in_transaction(own, body); });
    };
    take_slot();  // a full queue throws unavailable here, before the hop
    co_await hop(on_worker);
    end.take();
    co_return answer.take();
}

template <class Work>
std::invoke_result_t<Work&, transaction&> pool::run_blocking(Work work)
{
    detail::answer_of<Work> answer;
    outcome<void> end;
    const std::function<void(transaction&)> body = [&](transaction& tx) { answer.keep(work, tx); };
    const std::function<void(session&)> on_worker = [&](session& own) {
        end.capture([&] { in_transaction(own, body); });
    };
    take_slot();
    hop_blocking(on_worker);
    end.take();
    return answer.take();
}

}  // namespace leasehold::database
