#pragma once

#include <leasehold/base/clock.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::agent {

enum class item_kind : std::uint8_t
{
    heartbeat,
    inventory,
    packages,
    event
};
inline constexpr std::array<std::string_view, 4> item_kind_names{
    "heartbeat", "inventory", "packages", "event"};
constexpr std::string_view to_text(item_kind kind) noexcept
{
    return item_kind_names[static_cast<std::size_t>(kind)];
}

struct spool_settings
{
    std::filesystem::path folder;  // made 0700
    std::int64_t max_bytes = 0;
    std::int64_t segment = 0;
    std::int64_t max_memory = std::int64_t{8} << 20;  // while the disk takes nothing
};

// What the gateway has not yet acknowledged: one queue per kind, in append-only segment files that are
// deleted once every item of them was taken. What is in the spool survives the process; a repeat after a
// crash is harmless at the gateway.
//
// Full: room is made by dropping the oldest heartbeats, then inventory and packages that newer ones of the
// same name have superseded, then the oldest events. Disk full: items stay in memory, up to max_memory, and
// go to the disk as soon as it takes them. What is lost is counted per kind and never silent. Owner and
// thread: the agent's loop.
class spool
{
public:
    // Opens what an earlier process left; torn tails are cut. Errors: unavailable "spool_unusable".
    explicit spool(spool_settings settings);
    ~spool();
    spool(const spool&) = delete;
    spool& operator=(const spool&) = delete;

    // `json` is an object; its member "kind" tells which earlier item of inventory a newer one supersedes. An
    // event is on the disk, by fsync, when this returns; the rest with the next sync(). False: there was no
    // room, the item is lost.
    bool append(item_kind kind, std::string_view json);
    void sync() noexcept;

    // The oldest items of a kind, at most `most` and `bytes` of them (but at least one, where there is one).
    std::vector<std::string> peek(item_kind kind, std::size_t most = 1, std::size_t bytes = 0);
    // They were acknowledged, or set aside.
    void pop(item_kind kind, std::size_t count = 1);

    [[nodiscard]] bool is_empty() const noexcept;
    [[nodiscard]] std::int64_t bytes() const noexcept { return disk_bytes_ + memory_bytes_; }
    [[nodiscard]] std::optional<wall_time> oldest_at() const noexcept;
    [[nodiscard]] std::size_t count(item_kind kind) const noexcept;
    [[nodiscard]] bool is_in_memory() const noexcept { return memory_bytes_ > 0; }

    struct losses
    {
        std::map<item_kind, std::uint64_t> dropped;  // for want of room
        std::uint64_t damaged = 0;                   // failed their check sum
        std::uint64_t cut_bytes = 0;                 // torn tails
        bool disk_full = false;                      // the disk began to refuse
        [[nodiscard]] bool any() const noexcept
        {
            return !dropped.empty() || damaged > 0 || cut_bytes > 0 || disk_full;
        }
    };
    // What happened since the last call; for the event that reports it.
    losses take_losses();
    [[nodiscard]] std::uint64_t dropped_in_all() const noexcept { return dropped_in_all_; }

private:
    struct segment
    {
        std::uint64_t number = 0;  // milliseconds since 1970 when it was begun, made unique and rising
        std::int64_t bytes = 0;
        std::int64_t read = 0;      // offset of the first item that was not taken
        std::size_t remaining = 0;  // whole items from there on
    };
    struct queue
    {
        std::deque<segment> segments;
        std::deque<std::string> memory;  // after all that is on the disk
        int descriptor = -1;             // of the last segment, open for appending
        bool is_dirty = false;
    };

    queue& of(item_kind kind) noexcept { return queues_[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] std::filesystem::path file_of(item_kind kind, std::uint64_t number) const;
    void open_segment(item_kind kind, std::uint64_t number);
    bool start_segment(item_kind kind);
    void close_segment(queue& at) noexcept;
    void remove_segment(item_kind kind, std::size_t index) noexcept;

    bool write(item_kind kind, const std::string& text);
    bool keep_in_memory(item_kind kind, std::string text);
    void flush_memory(item_kind kind);

    // The item at `offset` of a segment, damaged ones skipped; moves `offset` behind it. Empty: no more.
    std::optional<std::string> read_at(item_kind kind, const segment& from, std::int64_t& offset);

    bool make_room(std::int64_t needed);
    bool drop_oldest(item_kind kind);
    bool drop_superseded(item_kind kind);
    void lose(item_kind kind, std::size_t items);

    spool_settings settings_;
    std::array<queue, item_kind_names.size()> queues_;
    std::uint64_t last_number_ = 0;
    std::int64_t disk_bytes_ = 0;
    std::int64_t memory_bytes_ = 0;
    losses losses_;
    std::uint64_t dropped_in_all_ = 0;
};

}  // namespace leasehold::agent
