#include "secret_arena.hpp"

#include <leasehold/base/error.hpp>

#include <sodium.h>

#include <bit>
#include <new>
#include <sys/mman.h>

namespace leasehold {
namespace {

std::size_t slot_size_of(std::size_t size) noexcept
{
    return std::bit_ceil(size < secret_arena::smallest ? secret_arena::smallest : size);
}

std::size_t class_of(std::size_t slot_size) noexcept
{
    return static_cast<std::size_t>(std::countr_zero(slot_size) - std::countr_zero(secret_arena::smallest));
}

}  // namespace

secret_arena& secret_arena::of_process()
{
    static auto* const arena = new secret_arena;
    return *arena;
}

secret_arena::secret_arena()
{
    if (sodium_init() < 0) throw error(error_kind::internal, "crypto_unavailable", "libsodium did not start");
    chunks_.reserve(chunk_limit);
}

secret_arena::~secret_arena()
{
    for (auto* chunk : chunks_) sodium_free(chunk);  // wipes
}

char* secret_arena::allocate(std::size_t size)
{
    if (size > largest) throw error(error_kind::invalid, "secret_too_large", "a secret has at most 64 KiB");
    const auto slot_size = slot_size_of(size);
    const std::lock_guard hold(guard_);
    auto*& head = free_[class_of(slot_size)];
    if (head == nullptr) return carve(slot_size);
    auto* slot = head;
    head = slot->next;
    slot->~free_slot();
    return reinterpret_cast<char*>(slot);
}

void secret_arena::release(char* slot, std::size_t size) noexcept
{
    const auto slot_size = slot_size_of(size);
    sodium_memzero(slot, slot_size);
    const std::lock_guard hold(guard_);
    auto*& head = free_[class_of(slot_size)];
    head = new (slot) free_slot{head};
}

bool secret_arena::is_locked() const noexcept
{
    const std::lock_guard hold(guard_);
    return locked_;
}

char* secret_arena::carve(std::size_t slot_size)
{
    if (static_cast<std::size_t>(free_end_ - free_begin_) < slot_size) {
        auto* chunk = chunks_.size() < chunk_limit ? static_cast<char*>(sodium_malloc(chunk_size)) : nullptr;
        if (chunk == nullptr) {
            throw error(error_kind::internal, "secret_arena_full", "the memory for secrets is exhausted");
        }
        // sodium_malloc tries to lock and says nothing when it could not: asking again tells.
        if (mlock(chunk, chunk_size) != 0) locked_ = false;
        chunks_.push_back(chunk);
        free_begin_ = chunk;
        free_end_ = chunk + chunk_size;
    }
    // Slots are powers of two, so what is left of a chunk that a larger slot did not fit into is lost to it,
    // not to smaller ones: those come from the new chunk. At most one slot size per chunk is wasted.
    auto* slot = free_begin_;
    free_begin_ += slot_size;
    return slot;
}

}  // namespace leasehold
