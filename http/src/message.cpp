#include "text.hpp"

#include <leasehold/base/secret.hpp>
#include <leasehold/http/message.hpp>

#include <algorithm>
#include <array>

namespace leasehold::http {
namespace {

constexpr std::array<std::pair<method, std::string_view>, 7> verbs{{
    {method::get, "GET"},
    {method::post, "POST"},
    {method::put, "PUT"},
    {method::patch, "PATCH"},
    {method::del, "DELETE"},
    {method::list, "LIST"},
    {method::other, "OTHER"},
}};

}  // namespace

std::string_view to_text(method verb) noexcept
{
    return verbs[static_cast<std::size_t>(verb)].second;
}

method parse_method(std::string_view text) noexcept
{
    const auto* found =
        std::find_if(verbs.begin(), verbs.end(), [&](const auto& row) { return row.second == text; });
    return found == verbs.end() ? method::other : found->first;
}

void headers::set(std::string name, std::string value)
{
    const auto same = [&](const auto& field) { return equal_without_case(field.first, name); };
    fields_.erase(std::remove_if(fields_.begin(), fields_.end(), same), fields_.end());
    add(std::move(name), std::move(value));
}

void headers::add(std::string name, std::string value)
{
    fields_.emplace_back(std::move(name), std::move(value));
}

std::optional<std::string_view> headers::find(std::string_view name) const noexcept
{
    for (const auto& [key, value] : fields_) {
        if (equal_without_case(key, name)) return value;
    }
    return std::nullopt;
}

void headers::wipe() noexcept
{
    for (auto& field : fields_) leasehold::wipe(field.second);
}

std::optional<std::string_view> bearer_in(const headers& fields)
{
    const auto value = fields.find("Authorization");
    constexpr std::string_view scheme = "Bearer ";
    if (!value || value->size() <= scheme.size()) return std::nullopt;
    if (!equal_without_case(value->substr(0, scheme.size()), scheme)) return std::nullopt;
    return value->substr(scheme.size());
}

}  // namespace leasehold::http
