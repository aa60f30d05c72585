#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leasehold::http {

enum class method { get, post, put, patch, del, list, other };  // list: the broker's LIST verb
std::string_view to_text(method verb) noexcept;

// Header fields in their order; names compare without case.
class headers
{
public:
    void set(std::string name, std::string value);
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return fields_; }

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace leasehold::http
