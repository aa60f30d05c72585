#pragma once

#include <leasehold/migrations/chain.hpp>

namespace leasehold::migrations {

// Reads the directives of one file. `name` is for the error texts.
directives parse_header(std::string_view name, std::string_view sql);

// CRLF becomes LF, so that a checksum does not depend on a checkout's line ends.
std::string normalise_line_ends(std::string_view bytes);

}  // namespace leasehold::migrations
