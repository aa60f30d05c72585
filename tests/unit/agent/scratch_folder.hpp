#pragma once

#include <leasehold/base/uuid.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace leasehold::agent::test {

// An empty folder of the test's own, gone with it.
class scratch_folder
{
public:
    scratch_folder() : path_(std::filesystem::temp_directory_path() / ("agent-" + uuid::random().to_string()))
    {
        std::filesystem::create_directories(path_);
    }
    ~scratch_folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path write(const std::string& name, const std::string& content, int mode = 0600) const
    {
        const auto file = path_ / name;
        std::ofstream(file, std::ios::binary) << content;
        std::filesystem::permissions(file, static_cast<std::filesystem::perms>(mode));
        return file;
    }

private:
    std::filesystem::path path_;
};

}  // namespace leasehold::agent::test
