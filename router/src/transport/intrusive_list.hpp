#pragma once

#include <cstddef>

namespace leasehold::router {

// A place on one list. An object has one per list it may be on; it must be off all of them when it dies.
struct list_hook
{
    list_hook* before = nullptr;
    list_hook* after = nullptr;
    void* owner = nullptr;

    list_hook() noexcept = default;
    list_hook(const list_hook&) = delete;
    list_hook& operator=(const list_hook&) = delete;
    [[nodiscard]] bool is_linked() const noexcept { return after != nullptr; }
    void unlink() noexcept  // also when it is on none
    {
        if (after == nullptr) return;
        before->after = after;
        after->before = before;
        before = nullptr;
        after = nullptr;
    }
};

// A ring of hooks; owns nothing, all operations take constant time. `size` is counted, not walked: take
// elements off by remove() or the pops.
template <class T>
class intrusive_list
{
public:
    intrusive_list() noexcept { reset(); }
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;

    [[nodiscard]] bool empty() const noexcept { return head_.after == &head_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] T* front() const noexcept
    {
        return empty() ? nullptr : static_cast<T*>(head_.after->owner);
    }
    [[nodiscard]] T* back() const noexcept
    {
        return empty() ? nullptr : static_cast<T*>(head_.before->owner);
    }

    void push_front(list_hook& hook, T& owner) noexcept { link(hook, owner, head_, *head_.after); }
    void push_back(list_hook& hook, T& owner) noexcept { link(hook, owner, *head_.before, head_); }
    void remove(list_hook& hook) noexcept
    {
        if (!hook.is_linked()) return;
        hook.unlink();
        --size_;
    }
    T* pop_front() noexcept
    {
        auto* const first = front();
        if (first != nullptr) remove(*head_.after);
        return first;
    }

    // Calls `what` for each; it may take the element it is given off the list, and no other.
    template <class Call>
    void for_each(Call&& what)
    {
        for (auto* hook = head_.after; hook != &head_;) {
            auto* const next = hook->after;
            what(*static_cast<T*>(hook->owner));
            hook = next;
        }
    }

private:
    void reset() noexcept
    {
        head_.before = &head_;
        head_.after = &head_;
    }
    void link(list_hook& hook, T& owner, list_hook& before, list_hook& after) noexcept
    {
        hook.owner = &owner;
        hook.before = &before;
        hook.after = &after;
        before.after = &hook;
        after.before = &hook;
        ++size_;
    }

    list_hook head_;
    std::size_t size_ = 0;
};

}  // namespace leasehold::router
