#include "descriptor.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace leasehold {
namespace {

constexpr std::size_t secret_file_limit = std::size_t{64} << 10U;

std::string reason(int number)
{
    return std::generic_category().message(number);
}

[[noreturn]] void fail(const std::filesystem::path& path, const char* step, int number)
{
    if (number == ENOSPC || number == EDQUOT) {
        throw error(error_kind::unavailable, "disk_full", path.string() + ": no space left", step);
    }
    throw error(error_kind::unavailable, "file_unwritable", path.string() + ": " + reason(number), step);
}

// Up to `limit` + 1 bytes into a buffer that never grows, so that no copy of a secret is left behind.
std::string read_up_to(const descriptor& from, std::size_t size_hint, std::size_t limit, int& failed)
{
    std::string content;
    content.resize(std::min(std::max(size_hint, std::size_t{4096}), limit) + 1);
    std::size_t used = 0;
    failed = 0;
    for (;;) {
        if (used == content.size()) {
            if (used > limit) break;
            std::string larger(std::min(content.size() * 2, limit + 1), '\0');
            larger.replace(0, used, content, 0, used);
            wipe(content);
            content = std::move(larger);
        }
        const auto got = ::read(from.number(), content.data() + used, content.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) failed = errno;
        if (got <= 0) break;
        used += static_cast<std::size_t>(got);
    }
    content.resize(used);
    return content;
}

void write_all(const descriptor& into, std::string_view content, const std::filesystem::path& path)
{
    while (!content.empty()) {
        const auto done = ::write(into.number(), content.data(), content.size());
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) fail(path, "write", errno);
        content.remove_prefix(static_cast<std::size_t>(done));
    }
    if (::fsync(into.number()) != 0) fail(path, "fsync", errno);
}

void sync_folder_of(const std::filesystem::path& path)
{
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened || ::fsync(opened.number()) != 0) fail(folder, "fsync of the folder", errno);
}

[[noreturn]] void refuse_secret(const std::filesystem::path& path, const char* code, const char* why)
{
    throw error(error_kind::invalid, code, path.string() + " " + why);
}

}  // namespace

std::string load_file(const std::filesystem::path& path, std::size_t limit)
{
    const descriptor source(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source && (errno == ENOENT || errno == ENOTDIR)) {
        throw error(error_kind::not_found, "file_missing", path.string() + " does not exist");
    }
    if (!source)
        throw error(error_kind::unavailable, "file_unreadable", path.string() + ": " + reason(errno));
    struct stat facts
    {};
    ::fstat(source.number(), &facts);
    int failed = 0;
    auto content = read_up_to(source, static_cast<std::size_t>(facts.st_size), limit, failed);
    if (failed != 0)
        throw error(error_kind::unavailable, "file_unreadable", path.string() + ": " + reason(failed));
    if (content.size() > limit)
        throw error(error_kind::invalid, "file_too_large", path.string() + " is too large");
    return content;
}

secret<std::string> load_secret_file(const std::filesystem::path& path)
{
    // Non-blocking, so that a named pipe in its place does not hold the process up.
    const descriptor source(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!source) {
        throw error(
            error_kind::invalid, "secret_file_missing", path.string() + " cannot be opened: " + reason(errno)
        );
    }
    struct stat facts
    {};
    if (::fstat(source.number(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
        refuse_secret(path, "secret_file_missing", "is not a regular file");
    }
    if ((facts.st_mode & S_IRWXO) != 0) {
        refuse_secret(path, "secret_file_world_readable", "gives permissions to others: chmod o= it");
    }
    int failed = 0;
    auto content = read_up_to(source, static_cast<std::size_t>(facts.st_size), secret_file_limit, failed);
    const bool too_large = content.size() > secret_file_limit;
    const bool is_empty = content.empty();
    if (too_large || failed != 0) wipe(content);
    if (failed != 0) {
        throw error(
            error_kind::invalid, "secret_file_missing", path.string() + " cannot be read: " + reason(failed)
        );
    }
    if (too_large) refuse_secret(path, "secret_file_too_large", "is larger than 64 KiB");
    if (is_empty) refuse_secret(path, "secret_file_empty", "is empty");
    return secret<std::string>::take(std::move(content));
}

secret<std::string> load_secret_line(const std::filesystem::path& path)
{
    const auto content = load_secret_file(path);
    auto line = content.reveal().substr(0, content.reveal().find('\n'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) refuse_secret(path, "secret_file_empty", "has an empty first line");
    return secret<std::string>(line);
}

namespace {

// Writes a file beside `path` (0600), and lets `put` give it that name: what stands there is whole from its
// first instant.
template <class Put>
void write_beside(const std::filesystem::path& path, std::string_view content, const Put& put)
{
    std::string temporary = path.string() + ".XXXXXX";
    const descriptor opened(::mkostemp(temporary.data(), O_CLOEXEC));  // 0600
    if (!opened) fail(path, "create", errno);
    try {
        write_all(opened, content, path);
        put(temporary.c_str());
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    sync_folder_of(path);
}

}  // namespace

void store_file(const std::filesystem::path& path, std::string_view content)
{
    write_beside(path, content, [&](const char* temporary) {
        if (::rename(temporary, path.c_str()) != 0) fail(path, "rename", errno);
    });
}

void create_secret_file(const std::filesystem::path& path, std::string_view content)
{
    write_beside(path, content, [&](const char* temporary) {
        if (::link(temporary, path.c_str()) != 0) {
            if (errno != EEXIST) fail(path, "link", errno);
            throw error(error_kind::conflict, "file_exists", path.string() + " exists already");
        }
        ::unlink(temporary);
    });
}

}  // namespace leasehold
