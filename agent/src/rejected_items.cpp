#include "rejected_items.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/base/uuid.hpp>

#include <algorithm>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace leasehold::agent {
namespace {

constexpr std::uintmax_t most_bytes = std::uintmax_t{16} << 20U;

// File names begin with a time-ordered UUID, so the oldest sorts first.
void remove_oldest(const std::filesystem::path& folder)
{
    std::vector<std::pair<std::filesystem::path, std::uintmax_t>> files;
    std::uintmax_t total = 0;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
        const auto size = entry.file_size(failed);
        if (failed) continue;
        files.emplace_back(entry.path(), size);
        total += size;
    }
    std::sort(files.begin(), files.end());
    for (std::size_t i = 0; i < files.size() && total > most_bytes; ++i) {
        std::filesystem::remove(files[i].first, failed);
        total -= files[i].second;
    }
}

}  // namespace

rejected_items::rejected_items(std::filesystem::path folder) : folder_(std::move(folder))
{
    std::error_code failed;
    std::filesystem::create_directories(folder_, failed);
    ::chmod(folder_.c_str(), 0700);
}

void rejected_items::add(item_kind kind, std::string_view code, std::string_view json) noexcept
{
    try {
        const auto name =
            uuid::time_ordered().to_string() + "-" + std::string(to_text(kind)) + "-" + std::string(code);
        store_file(folder_ / (name + ".json"), json);
        remove_oldest(folder_);
    } catch (const std::exception& why) {
        log::failure("item.not_kept", why, {{"kind", to_text(kind)}, {"code", code}});
    }
}

}  // namespace leasehold::agent
