#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leasehold::http {

enum class method : std::uint8_t { get, post, put, patch, del, list, other };  // list: the broker's LIST verb
std::string_view to_text(method verb) noexcept;
method parse_method(std::string_view text) noexcept;  // `other` for what is none of them

// Header fields in their order; names compare without case.
class headers
{
public:
    void set(std::string name, std::string value);  // replaces those of that name
    void add(std::string name, std::string value);
    // The first of that name.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return fields_; }
    void wipe() noexcept;  // overwrites every value

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace leasehold::http
