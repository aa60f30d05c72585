#pragma once

#include "spool.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace leasehold::agent {

// Items the gateway will never take, kept for a person to look at: one file each, the oldest removed above 16
// MiB.
class rejected_items
{
public:
    explicit rejected_items(std::filesystem::path folder);
    void add(item_kind kind, std::string_view code, std::string_view json) noexcept;

private:
    std::filesystem::path folder_;
};

}  // namespace leasehold::agent
