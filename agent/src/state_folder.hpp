#pragma once

#include <filesystem>

namespace leasehold::agent {

// The agent's folder (0700) and the proof that no other process uses it (flock on `lock`, gone with the
// process).
class state_folder
{
public:
    // Makes the folder where it is missing. Errors: conflict "already_running"; unavailable "state_unusable".
    explicit state_folder(std::filesystem::path at);
    ~state_folder();
    state_folder(const state_folder&) = delete;
    state_folder& operator=(const state_folder&) = delete;

    [[nodiscard]] std::filesystem::path file(const char* name) const { return at_ / name; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return at_; }

private:
    std::filesystem::path at_;
    int lock_ = -1;
};

}  // namespace leasehold::agent
