#include "answer.hpp"

#include <leasehold/vault-client/error.hpp>

namespace leasehold::vault_client {
namespace {

constexpr std::int64_t longest_span = 100LL * 366 * 86400;

}  // namespace

void refuse_answer(std::string_view field, std::string_view why)
{
    throw error(failure::protocol, "field " + std::string(field) + " " + std::string(why));
}

fields::fields(json& object) : object_(&object)
{
    if (!object.is_object()) refuse_answer("(whole)", "is no object");
}

bool fields::has(std::string_view name) const
{
    const auto found = object_->find(name);
    return found != object_->end() && !found->is_null();
}

json& fields::at(std::string_view name)
{
    const auto found = object_->find(name);
    if (found == object_->end()) refuse_answer(name, "is missing");
    return *found;
}

fields fields::object(std::string_view name)
{
    auto& value = at(name);
    if (!value.is_object()) refuse_answer(name, "is no object");
    return fields(value);
}

std::string fields::text(std::string_view name, std::size_t limit)
{
    auto& value = at(name);
    if (!value.is_string()) refuse_answer(name, "is no text");
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() > limit) refuse_answer(name, "is too long");
    return text;
}

std::string fields::text_or(std::string_view name, std::size_t limit, std::string otherwise)
{
    if (!has(name)) return otherwise;
    return text(name, limit);
}

secret<std::string> fields::secret_text(std::string_view name, std::size_t limit)
{
    auto& value = at(name);
    if (!value.is_string()) refuse_answer(name, "is no text");
    auto& text = value.get_ref<std::string&>();
    if (text.size() > limit) refuse_answer(name, "is too long");
    return secret<std::string>::take(std::move(text));
}

std::int64_t fields::integer(std::string_view name)
{
    auto& value = at(name);
    if (!value.is_number_integer()) refuse_answer(name, "is no whole number");
    return value.get<std::int64_t>();
}

std::int64_t fields::integer_or(std::string_view name, std::int64_t otherwise)
{
    return has(name) ? integer(name) : otherwise;
}

std::chrono::seconds fields::span(std::string_view name)
{
    const auto value = integer(name);
    if (value < 0 || value > longest_span) refuse_answer(name, "is out of range");
    return std::chrono::seconds(value);
}

std::chrono::seconds fields::span_or_zero(std::string_view name)
{
    if (!has(name)) return std::chrono::seconds(0);
    return span(name);
}

bool fields::flag(std::string_view name)
{
    auto& value = at(name);
    if (!value.is_boolean()) refuse_answer(name, "is neither true nor false");
    return value.get<bool>();
}

bool fields::flag_or(std::string_view name, bool otherwise)
{
    return has(name) ? flag(name) : otherwise;
}

std::vector<std::string> fields::texts(std::string_view name, std::size_t most, std::size_t limit)
{
    std::vector<std::string> result;
    if (!has(name)) return result;
    auto& value = at(name);
    if (!value.is_array() || value.size() > most) refuse_answer(name, "is no list, or too long");
    result.reserve(value.size());
    for (const auto& one : value) {
        if (!one.is_string() || one.get_ref<const std::string&>().size() > limit)
            refuse_answer(name, "holds no text");
        result.push_back(one.get<std::string>());
    }
    return result;
}

}  // namespace leasehold::vault_client
