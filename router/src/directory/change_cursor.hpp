#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace leasehold::router {

// How far the change feed was read. Ids are handed out before their transaction commits, so a lower id may
// appear after a higher one: ids not seen are kept as gaps, with the snapshot's xmax at the first sight, and
// given up only when every transaction that was running then has ended (pg_snapshot_xmin has passed the
// mark). A slow commit is never lost; an id that was rolled back is waited for no longer than its
// contemporaries.
class change_cursor
{
public:
    static constexpr std::int64_t jump_max = 10'000;  // more missing ids than this at once: load anew

    // Before a load: the newest rows. Whatever is missing among them may still come.
    void begin(const std::vector<std::int64_t>& newest, std::uint64_t xmin, std::uint64_t xmax);
    // Rows after last(), and rows of gaps, ascending, with the snapshot they were read in. False: too much is
    // missing, or `oldest` (the oldest row kept, 0: none) shows that rows were pruned before we saw them.
    [[nodiscard]] bool
    take(const std::vector<std::int64_t>& ids, std::uint64_t xmin, std::uint64_t xmax, std::int64_t oldest);

    [[nodiscard]] std::int64_t last() const noexcept { return last_; }
    [[nodiscard]] std::vector<std::int64_t> gaps() const;

private:
    std::int64_t last_ = 0;
    std::map<std::int64_t, std::uint64_t> gaps_;  // id -> xmax at first sight
};

}  // namespace leasehold::router
