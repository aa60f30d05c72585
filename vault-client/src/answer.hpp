#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/secret.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::vault_client {

using json = nlohmann::json;

// A successful answer, or "there is nothing at that path".
struct answer
{
    answer() = default;
    answer(answer&&) = default;
    answer& operator=(answer&&) = default;

    bool absent = false;
    int status = 0;
    json body;          // null for 204
    std::string index;  // X-Vault-Index
    std::string node;
    boot_time asked_at;
};

// Reads one object field by field, each with its type and limit. Every miss is failure::protocol and names
// the field.
class fields
{
public:
    explicit fields(json& object);  // throws when it is no object

    [[nodiscard]] bool has(std::string_view name) const;  // there and not null
    [[nodiscard]] fields object(std::string_view name);
    [[nodiscard]] std::string text(std::string_view name, std::size_t limit);
    [[nodiscard]] std::string text_or(std::string_view name, std::size_t limit, std::string otherwise);
    // Taken out of the answer; what held it is wiped.
    [[nodiscard]] secret<std::string> secret_text(std::string_view name, std::size_t limit);
    [[nodiscard]] std::int64_t integer(std::string_view name);
    [[nodiscard]] std::int64_t integer_or(std::string_view name, std::int64_t otherwise);
    [[nodiscard]] std::chrono::seconds span(std::string_view name);  // 0 to 100 years
    [[nodiscard]] std::chrono::seconds span_or_zero(std::string_view name);
    [[nodiscard]] bool flag(std::string_view name);
    [[nodiscard]] bool flag_or(std::string_view name, bool otherwise);
    [[nodiscard]] std::vector<std::string> texts(std::string_view name, std::size_t most, std::size_t limit);
    [[nodiscard]] json& raw() noexcept { return *object_; }

private:
    json* object_;
    [[nodiscard]] json& at(std::string_view name);
};

[[noreturn]] void refuse_answer(std::string_view field, std::string_view why);

}  // namespace leasehold::vault_client
