#include "transport/byte_queue.hpp"

#include <algorithm>
#include <cstring>

namespace leasehold::router {

static_assert(sizeof(buffer) == buffer::size);

buffer_pool::~buffer_pool()
{
    while (free_ != nullptr) {
        auto* const next = free_->next;
        delete free_;
        free_ = next;
    }
}

buffer* buffer_pool::take()
{
    if (free_ == nullptr) return new buffer;
    auto* const one = free_;
    free_ = one->next;
    --count_;
    one->next = nullptr;
    one->begin = 0;
    one->end = 0;
    return one;
}

void buffer_pool::give(buffer* one) noexcept
{
    if (count_ >= kept) {
        delete one;
        return;
    }
    one->next = free_;
    free_ = one;
    ++count_;
}

void byte_queue::append(buffer_pool& pool, std::string_view bytes)
{
    while (!bytes.empty()) {
        if (tail_ == nullptr || tail_->room() == 0) {
            auto* const fresh = pool.take();
            (tail_ == nullptr ? head_ : tail_->next) = fresh;
            tail_ = fresh;
        }
        const auto count = std::min(bytes.size(), tail_->room());
        std::memcpy(tail_->bytes + tail_->end, bytes.data(), count);
        tail_->end += static_cast<std::uint32_t>(count);
        size_ += count;
        bytes.remove_prefix(count);
    }
}

void byte_queue::consume(buffer_pool& pool, std::size_t count) noexcept
{
    size_ -= count;
    while (count > 0) {
        const auto here = std::min(count, head_->view().size());
        head_->begin += static_cast<std::uint32_t>(here);
        count -= here;
        if (head_->begin == head_->end) drop_head(pool);
    }
}

bool byte_queue::widen_front(buffer_pool& pool) noexcept
{
    if (head_ == nullptr || head_->next == nullptr) return false;
    if (head_->begin > 0) {
        const auto left = head_->end - head_->begin;
        std::memmove(head_->bytes, head_->bytes + head_->begin, left);
        head_->begin = 0;
        head_->end = left;
    }
    auto* const second = head_->next;
    const auto count = std::min(head_->room(), second->view().size());
    if (count == 0) return false;
    std::memcpy(head_->bytes + head_->end, second->bytes + second->begin, count);
    head_->end += static_cast<std::uint32_t>(count);
    second->begin += static_cast<std::uint32_t>(count);
    if (second->begin == second->end) {
        head_->next = second->next;
        if (tail_ == second) tail_ = head_;
        pool.give(second);
    }
    return true;
}

void byte_queue::clear(buffer_pool& pool) noexcept
{
    while (head_ != nullptr) drop_head(pool);
    size_ = 0;
}

void byte_queue::drop_head(buffer_pool& pool) noexcept
{
    auto* const gone = head_;
    head_ = gone->next;
    if (head_ == nullptr) tail_ = nullptr;
    pool.give(gone);
}

}  // namespace leasehold::router
