#include "directory/change_cursor.hpp"

namespace leasehold::router {

void change_cursor::begin(const std::vector<std::int64_t>& newest, std::uint64_t xmin, std::uint64_t xmax)
{
    gaps_.clear();
    last_ = newest.empty() ? 0 : newest.front() - 1;
    const auto oldest = newest.empty() ? 0 : newest.front();
    static_cast<void>(take(newest, xmin, xmax, oldest));
}

bool change_cursor::take(
    const std::vector<std::int64_t>& ids, std::uint64_t xmin, std::uint64_t xmax, std::int64_t oldest
)
{
    if (oldest > last_ + 1) return false;
    for (const auto id : ids) {
        gaps_.erase(id);
        if (id <= last_) continue;
        if (id - last_ > jump_max) return false;
        for (auto missing = last_ + 1; missing < id; ++missing) gaps_.emplace(missing, xmax);
        last_ = id;
    }
    std::erase_if(gaps_, [&](const auto& gap) { return gap.second <= xmin; });
    return true;
}

std::vector<std::int64_t> change_cursor::gaps() const
{
    std::vector<std::int64_t> ids;
    ids.reserve(gaps_.size());
    for (const auto& [id, mark] : gaps_) ids.push_back(id);
    return ids;
}

}  // namespace leasehold::router
