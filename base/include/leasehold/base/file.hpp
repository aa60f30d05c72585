#pragma once

#include <leasehold/base/secret.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace leasehold {

// Whole content. Errors: not_found "file_missing", invalid "file_too_large", unavailable "file_unreadable".
std::string load_file(const std::filesystem::path& path, std::size_t limit = 16U << 20U);

// A `*_file` of the configuration: regular, at most 64 KiB, no permission for others, not empty.
// Errors (invalid): secret_file_missing, secret_file_empty, secret_file_world_readable,
// secret_file_too_large.
secret<std::string> load_secret_line(const std::filesystem::path& path);  // first line
secret<std::string> load_secret_file(const std::filesystem::path& path);  // all of it

// 0600, by temporary file, fsync, rename, fsync of the folder: after a crash the old or the new content,
// never half.
void store_file(const std::filesystem::path& path, std::string_view content);
// The same where nothing stands yet, not even a link: nobody ever reads half of it. Errors: conflict
// "file_exists".
void create_secret_file(const std::filesystem::path& path, std::string_view content);

}  // namespace leasehold
