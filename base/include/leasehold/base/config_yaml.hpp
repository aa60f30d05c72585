#pragma once

#include <leasehold/base/config.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace leasehold {

struct yaml_entry;

// One value of the file as it stood there, with its line: what the key table reads from. A variable or a flag
// becomes the same thing, with line 0.
struct yaml_node
{
    enum class shape : std::uint8_t
    {
        null,
        scalar,
        list,
        map
    };
    shape kind = shape::null;
    std::string text;        // of a scalar
    bool is_quoted = false;  // a quoted "true" is text, not a boolean
    int line = 0;
    std::vector<yaml_node> items;
    std::vector<yaml_entry> entries;  // in the file's order, duplicates kept
};

struct yaml_entry
{
    yaml_node key;
    yaml_node value;
};

// The one document of the text. Anchors, aliases, tags and a second document become problems; so does what is
// no YAML, in which case the node is null.
yaml_node parse_yaml(const std::string& text, std::vector<config_problem>& problems);

// A scalar as a variable or flag gives it: quoted text is read as YAML, everything else is taken as it is.
yaml_node parse_scalar(std::string_view text);
// The same for a list: items separated by commas; nothing is an empty list.
yaml_node parse_comma_list(std::string_view text);

// Text as a YAML scalar that reads back as the same text, quoted only where it must be.
std::string to_yaml_text(std::string_view text);

}  // namespace leasehold
