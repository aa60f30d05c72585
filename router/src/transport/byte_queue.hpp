#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace leasehold::router {

// 16 KiB, header included. Belongs to a buffer_pool.
struct buffer
{
    static constexpr std::size_t size = std::size_t{16} * 1024;
    static constexpr std::size_t capacity = size - sizeof(void*) - 2 * sizeof(std::uint32_t);

    buffer* next = nullptr;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    char bytes[capacity];  // NOLINT(modernize-avoid-c-arrays): left uninitialised

    [[nodiscard]] std::string_view view() const noexcept { return {bytes + begin, end - begin}; }
    [[nodiscard]] std::size_t room() const noexcept { return capacity - end; }
};

// The buffers of one lane, newest first, so that what is used next is still in the cache.
class buffer_pool
{
public:
    buffer_pool() noexcept = default;
    buffer_pool(const buffer_pool&) = delete;
    buffer_pool& operator=(const buffer_pool&) = delete;
    ~buffer_pool();

    [[nodiscard]] buffer* take();  // empty; ends the process when memory is out
    void give(buffer* one) noexcept;

private:
    static constexpr std::size_t kept = 512;  // 8 MiB; more go back to the system

    buffer* free_ = nullptr;
    std::size_t count_ = 0;
};

// Bytes that wait, in the lane's buffers: none while it is empty. Whoever owns it calls clear() before its
// end.
class byte_queue
{
public:
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const buffer* head() const noexcept { return head_; }
    // The first contiguous piece.
    [[nodiscard]] std::string_view front() const noexcept
    {
        return head_ == nullptr ? std::string_view{} : head_->view();
    }

    void append(buffer_pool& pool, std::string_view bytes);
    void consume(buffer_pool& pool, std::size_t count) noexcept;
    // Moves bytes of the second buffer behind those of the first. False: there is no second, or no room.
    bool widen_front(buffer_pool& pool) noexcept;
    void clear(buffer_pool& pool) noexcept;

private:
    void drop_head(buffer_pool& pool) noexcept;

    buffer* head_ = nullptr;
    buffer* tail_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace leasehold::router
