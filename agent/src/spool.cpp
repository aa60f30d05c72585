#include "spool.hpp"

#include "record.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace leasehold::agent {
namespace {

constexpr std::string_view suffix = ".seg";

bool write_all(int descriptor, std::string_view bytes) noexcept
{
    while (!bytes.empty()) {
        const auto done = ::write(descriptor, bytes.data(), bytes.size());
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    return true;
}

bool read_all(int descriptor, std::int64_t offset, std::string& into) noexcept
{
    for (std::size_t used = 0; used < into.size();) {
        const auto got = ::pread(
            descriptor, into.data() + used, into.size() - used, offset + static_cast<std::int64_t>(used)
        );
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        used += static_cast<std::size_t>(got);
    }
    return true;
}

void sync_folder(const std::filesystem::path& folder) noexcept
{
    const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) return;
    ::fsync(opened);
    ::close(opened);
}

struct segment_name
{
    item_kind kind;
    std::uint64_t number;
};

std::optional<segment_name> parse_name(std::string_view text)
{
    const auto dash = text.find('-');
    if (dash == std::string_view::npos || !text.ends_with(suffix)) return std::nullopt;
    const auto kind = std::find(item_kind_names.begin(), item_kind_names.end(), text.substr(0, dash));
    if (kind == item_kind_names.end()) return std::nullopt;
    const auto digits = text.substr(dash + 1, text.size() - dash - 1 - suffix.size());
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (failed != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return segment_name{static_cast<item_kind>(kind - item_kind_names.begin()), number};
}

std::string supersedes(const std::string& text)
{
    const auto item = nlohmann::json::parse(text, nullptr, false);
    return item.is_object() ? item.value("kind", std::string()) : std::string();
}

std::uint64_t milliseconds_now()
{
    const auto since = real_clock().wall().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

}  // namespace

spool::spool(spool_settings settings) : settings_(std::move(settings))
{
    std::error_code failed;
    std::filesystem::create_directories(settings_.folder, failed);
    ::chmod(settings_.folder.c_str(), 0700);
    std::vector<segment_name> found;
    for (const auto& entry : std::filesystem::directory_iterator(settings_.folder, failed)) {
        if (const auto name = parse_name(entry.path().filename().string())) found.push_back(*name);
    }
    if (failed) {
        throw error(
            error_kind::unavailable,
            "spool_unusable",
            settings_.folder.string() + " cannot be used: " + failed.message()
        );
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
    for (const auto& name : found) open_segment(name.kind, name.number);
}

spool::~spool()
{
    sync();
    for (auto& one : queues_) close_segment(one);
}

std::filesystem::path spool::file_of(item_kind kind, std::uint64_t number) const
{
    return settings_.folder /
           (std::string(to_text(kind)) + "-" + std::to_string(number) + std::string(suffix));
}

void spool::open_segment(item_kind kind, std::uint64_t number)
{
    const auto file = file_of(kind, number);
    last_number_ = std::max(last_number_, number);
    std::string content;
    try {
        content = load_file(file, static_cast<std::size_t>(settings_.segment) + largest_record + record_head);
    } catch (const error&) {
        losses_.cut_bytes += 1;  // unreadable as a whole: left where it is for a person to look at
        return;
    }
    const auto extent = measure_segment(content);
    losses_.damaged += extent.damaged;
    if (extent.end < content.size()) {
        losses_.cut_bytes += content.size() - extent.end;
        std::error_code failed;
        std::filesystem::resize_file(file, extent.end, failed);
    }
    if (extent.records == 0) {
        ::unlink(file.c_str());
        return;
    }
    segment opened;
    opened.number = number;
    opened.bytes = static_cast<std::int64_t>(extent.end);
    opened.remaining = extent.records;
    disk_bytes_ += opened.bytes;
    of(kind).segments.push_back(opened);
}

bool spool::start_segment(item_kind kind)
{
    auto& at = of(kind);
    close_segment(at);
    segment made;
    made.number = std::max(milliseconds_now(), last_number_ + 1);
    const auto file = file_of(kind, made.number);
    at.descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (at.descriptor < 0) return false;
    last_number_ = made.number;
    at.segments.push_back(made);
    sync_folder(settings_.folder);
    return true;
}

void spool::close_segment(queue& at) noexcept
{
    if (at.descriptor < 0) return;
    if (at.is_dirty) ::fdatasync(at.descriptor);
    ::close(at.descriptor);
    at.descriptor = -1;
    at.is_dirty = false;
}

void spool::remove_segment(item_kind kind, std::size_t index) noexcept
{
    auto& at = of(kind);
    const auto which = at.segments.begin() + static_cast<std::ptrdiff_t>(index);
    if (index + 1 == at.segments.size()) {
        at.is_dirty = false;  // its content is not wanted any more
        close_segment(at);
    }
    ::unlink(file_of(kind, which->number).c_str());
    disk_bytes_ -= which->bytes;
    at.segments.erase(which);
}

bool spool::append(item_kind kind, std::string_view json)
{
    if (json.empty() || json.size() > largest_record) return false;
    const auto needed = static_cast<std::int64_t>(json.size() + record_head);
    if (!make_room(needed)) {
        lose(kind, 1);
        return false;
    }
    flush_memory(kind);
    std::string text(json);
    if (of(kind).memory.empty() && write(kind, text)) return true;
    return keep_in_memory(kind, std::move(text));
}

bool spool::write(item_kind kind, const std::string& text)
{
    auto& at = of(kind);
    const auto record = to_record(text);
    const auto size = static_cast<std::int64_t>(record.size());
    // Segments of an earlier process are not appended to: their last fsync is unknown.
    const bool fits =
        at.descriptor >= 0 && !at.segments.empty() && at.segments.back().bytes + size <= settings_.segment;
    if (!fits && !start_segment(kind)) return false;
    auto& last = at.segments.back();
    bool is_stored = write_all(at.descriptor, record);
    if (is_stored && kind == item_kind::event) is_stored = ::fdatasync(at.descriptor) == 0;
    if (!is_stored) {
        // Half a record must not stand before the next one.
        if (::ftruncate(at.descriptor, last.bytes) != 0 || last.bytes == 0) {
            if (last.remaining == 0)
                remove_segment(kind, at.segments.size() - 1);
            else
                close_segment(at);
        }
        return false;
    }
    at.is_dirty = kind != item_kind::event;
    last.bytes += size;
    ++last.remaining;
    disk_bytes_ += size;
    return true;
}

bool spool::keep_in_memory(item_kind kind, std::string text)
{
    if (memory_bytes_ == 0) losses_.disk_full = true;
    const auto size = static_cast<std::int64_t>(text.size());
    constexpr std::array order{
        item_kind::heartbeat, item_kind::inventory, item_kind::packages, item_kind::event};
    for (const auto victim : order) {
        auto& kept = of(victim).memory;
        while (memory_bytes_ + size > settings_.max_memory && !kept.empty()) {
            memory_bytes_ -= static_cast<std::int64_t>(kept.front().size());
            kept.pop_front();
            lose(victim, 1);
        }
    }
    if (memory_bytes_ + size > settings_.max_memory) {
        lose(kind, 1);
        return false;
    }
    memory_bytes_ += size;
    of(kind).memory.push_back(std::move(text));
    return true;
}

void spool::flush_memory(item_kind kind)
{
    auto& at = of(kind);
    while (!at.memory.empty() && write(kind, at.memory.front())) {
        memory_bytes_ -= static_cast<std::int64_t>(at.memory.front().size());
        at.memory.pop_front();
    }
}

void spool::sync() noexcept
{
    for (auto& one : queues_) {
        if (one.descriptor < 0 || !one.is_dirty) continue;
        ::fdatasync(one.descriptor);
        one.is_dirty = false;
    }
}

std::optional<std::string> spool::read_at(item_kind kind, const segment& from, std::int64_t& offset)
{
    const int opened = ::open(file_of(kind, from.number).c_str(), O_RDONLY | O_CLOEXEC);
    std::optional<std::string> found;
    while (opened >= 0 && !found && offset < from.bytes) {
        std::string bytes(record_head, '\0');
        if (!read_all(opened, offset, bytes)) break;
        std::uint32_t length = 0;
        for (std::size_t i = 4; i-- > 0;) length = (length << 8U) | static_cast<unsigned char>(bytes[i]);
        if (length == 0 || length > largest_record) break;
        bytes.resize(record_head + length);
        if (!read_all(opened, offset, bytes)) break;
        const auto record = read_record(bytes);
        offset += static_cast<std::int64_t>(record.size);
        if (record.state == record_state::whole) found.emplace(record.text);
    }
    if (opened >= 0) ::close(opened);
    return found;
}

std::vector<std::string> spool::peek(item_kind kind, std::size_t most, std::size_t bytes)
{
    std::vector<std::string> found;
    std::size_t size = 0;
    const auto take = [&](std::string text) {
        if (!found.empty() && bytes != 0 && size + text.size() > bytes) return false;
        size += text.size();
        found.push_back(std::move(text));
        return found.size() < most;
    };
    auto& at = of(kind);
    for (std::size_t index = 0; index < at.segments.size();) {
        auto offset = at.segments[index].read;
        for (auto left = at.segments[index].remaining; left > 0; --left) {
            auto text = read_at(kind, at.segments[index], offset);
            if (!text) {  // gone under our hands: a fault of the disk, or somebody's rm
                lose(kind, left);
                at.segments[index].remaining -= left;
                break;
            }
            if (!take(std::move(*text))) return found;
        }
        if (at.segments[index].remaining == 0) {
            remove_segment(kind, index);
        } else {
            ++index;
        }
    }
    for (const auto& text : at.memory) {
        if (!take(text)) break;
    }
    return found;
}

void spool::pop(item_kind kind, std::size_t count)
{
    auto& at = of(kind);
    while (count > 0 && !at.segments.empty()) {
        auto& front = at.segments.front();
        const auto taken = std::min(count, front.remaining);
        if (taken == front.remaining) {
            remove_segment(kind, 0);
        } else {
            for (std::size_t i = 0; i < taken; ++i) read_at(kind, front, front.read);
            front.remaining -= taken;
        }
        count -= taken;
    }
    for (; count > 0 && !at.memory.empty(); --count) {
        memory_bytes_ -= static_cast<std::int64_t>(at.memory.front().size());
        at.memory.pop_front();
    }
}

bool spool::is_empty() const noexcept
{
    return std::all_of(queues_.begin(), queues_.end(), [](const queue& one) {
        return one.segments.empty() && one.memory.empty();
    });
}

std::optional<wall_time> spool::oldest_at() const noexcept
{
    std::optional<wall_time> oldest;
    for (const auto& one : queues_) {
        if (one.segments.empty()) continue;
        const wall_time begun{std::chrono::milliseconds(one.segments.front().number)};
        if (!oldest || begun < *oldest) oldest = begun;
    }
    return oldest;
}

std::size_t spool::count(item_kind kind) const noexcept
{
    const auto& at = queues_[static_cast<std::size_t>(kind)];
    std::size_t items = at.memory.size();
    for (const auto& one : at.segments) items += one.remaining;
    return items;
}

bool spool::make_room(std::int64_t needed)
{
    while (disk_bytes_ + needed > settings_.max_bytes) {
        const bool made_some = drop_oldest(item_kind::heartbeat) || drop_superseded(item_kind::inventory) ||
                               drop_superseded(item_kind::packages) || drop_oldest(item_kind::event);
        if (!made_some) return false;
    }
    return true;
}

bool spool::drop_oldest(item_kind kind)
{
    auto& at = of(kind);
    if (at.segments.empty()) return false;
    lose(kind, at.segments.front().remaining);
    remove_segment(kind, 0);
    return true;
}

bool spool::drop_superseded(item_kind kind)
{
    auto& at = of(kind);
    const auto before = disk_bytes_;
    auto items = peek(kind, count(kind) + 1);
    items.resize(items.size() - std::min(items.size(), at.memory.size()));
    std::set<std::string> seen;
    std::vector<std::string> kept;
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
        if (seen.insert(supersedes(*item)).second) kept.push_back(std::move(*item));
    }
    if (kept.size() == items.size()) return false;
    const auto old_segments = at.segments.size();
    close_segment(at);
    for (auto item = kept.rbegin(); item != kept.rend(); ++item) {
        if (!write(kind, *item)) return false;  // what is there twice now is harmless
    }
    sync();
    for (std::size_t i = 0; i < old_segments; ++i) remove_segment(kind, 0);
    lose(kind, items.size() - kept.size());
    return disk_bytes_ < before;
}

void spool::lose(item_kind kind, std::size_t items)
{
    if (items == 0) return;
    losses_.dropped[kind] += items;
    dropped_in_all_ += items;
}

spool::losses spool::take_losses()
{
    return std::exchange(losses_, losses{});
}

}  // namespace leasehold::agent
