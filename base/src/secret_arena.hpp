#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <vector>

namespace leasehold {

// Slots of 32 bytes to 64 KiB in guarded chunks of 1 MiB, at most 16 of them: a mapping per secret would cost
// 8 KiB and four mappings each, and the kernel's limit on mappings ends that near 16,000 secrets. A freed
// slot is wiped and goes back to its size class. Any thread.
class secret_arena
{
public:
    static constexpr std::size_t chunk_size = std::size_t{1} << 20U;
    static constexpr std::size_t chunk_limit = 16;
    static constexpr std::size_t smallest = 32;
    static constexpr std::size_t largest = std::size_t{64} << 10U;

    // Never destroyed: secrets in static objects end after everything else.
    static secret_arena& of_process();

    secret_arena();
    ~secret_arena();
    secret_arena(const secret_arena&) = delete;
    secret_arena& operator=(const secret_arena&) = delete;

    // Throws secret_too_large, secret_arena_full.
    char* allocate(std::size_t size);
    void release(char* slot, std::size_t size) noexcept;
    // False when the kernel refused to lock a chunk (RLIMIT_MEMLOCK): such pages may be swapped.
    [[nodiscard]] bool is_locked() const noexcept;

private:
    struct free_slot
    {
        free_slot* next;
    };

    char* carve(std::size_t slot_size);

    mutable std::mutex guard_;
    std::vector<char*> chunks_;
    char* free_begin_ = nullptr;  // the part of the last chunk that was never used
    char* free_end_ = nullptr;
    std::array<free_slot*, 12> free_{};  // by size class: 32, 64, … 65536
    bool locked_ = true;
};

}  // namespace leasehold
