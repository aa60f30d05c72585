#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::http {

class decoding;

// What a field must hold beyond its type. Also the constraint in the OpenAPI schema. Rules of one field add
// up; later ones win.
class rule
{
public:
    rule() = default;
    // Text: bytes of UTF-8. Number: its value. Array and object: how many members.
    std::optional<std::int64_t> least;
    std::optional<std::int64_t> most;
    std::vector<std::string> allowed;  // text: one of these
    std::string pattern;               // text: for the schema and the message; `accepts` decides
    bool (*accepts)(std::string_view) = nullptr;
    std::string code;            // of the field's problem; empty: field_invalid
    std::string about;           // description in the schema
    bool may_be_absent = false;  // the struct's own initialiser stands then

    void add(const rule& other);
    void check(const nlohmann::json& value, decoding& at) const;
    void describe(nlohmann::json& schema) const;
};

rule at_most(std::int64_t most);
rule at_least(std::int64_t least);
rule between(std::int64_t least, std::int64_t most);
rule one_of(std::vector<std::string> allowed);
// `shape` tells people what `accepts` wants: a regular expression.
rule shaped(std::string shape, bool (*accepts)(std::string_view), std::string code = {});
rule about(std::string text);
rule with_code(std::string code);
rule or_default();  // may be left out although its type is not optional

}  // namespace leasehold::http
