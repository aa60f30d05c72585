#pragma once

#include <string_view>

namespace leasehold {

// A file that was linked into the program (cmake/embed.cmake). All views live as long as the program.
struct embedded_file
{
    std::string_view path;  // relative to the folder it was embedded from
    std::string_view bytes;
    std::string_view sha256;  // of `bytes`, lower-case hex
};

}  // namespace leasehold
