#include "license_claims.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>

namespace leasehold {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr int default_grace_days = 30;
constexpr int most_grace_days = 90;
constexpr std::int64_t last_second = 253'402'300'799;  // 9999-12-31

// Reads claim by claim; the first that does not fit is named.
class claim_reader
{
public:
    explicit claim_reader(const json& from) : from_(from) {}

    [[nodiscard]] const std::string& wrong() const noexcept { return wrong_; }

    [[nodiscard]] bool has(const char* name) const { return from_.contains(name); }

    std::string text(const char* name)
    {
        const auto value = from_.find(name);
        if (value != from_.end() && value->is_string() && !value->get_ref<const std::string&>().empty())
            return value->get<std::string>();
        refuse(name, "needs a text");
        return {};
    }

    std::int64_t number(const char* name, std::int64_t least, std::int64_t most)
    {
        const auto value = from_.find(name);
        if (value != from_.end() && value->is_number_integer()) {
            // A number above the signed range would wrap when it is read as signed.
            const bool fits = !value->is_number_unsigned() ||
                              value->get<std::uint64_t>() <= static_cast<std::uint64_t>(most);
            if (fits && value->get<std::int64_t>() >= least && value->get<std::int64_t>() <= most)
                return value->get<std::int64_t>();
        }
        refuse(name, fmt::format("needs a whole number from {} to {}", least, most));
        return least;
    }

    wall_time time(const char* name) { return wall_time(seconds(number(name, 0, last_second))); }

    std::set<std::string> texts(const char* name)
    {
        std::set<std::string> values;
        const auto& list = from_[name];
        if (!list.is_array()) {
            refuse(name, "needs a list");
            return values;
        }
        for (const auto& item : list) {
            if (item.is_string())
                values.insert(item.get<std::string>());
            else
                refuse(name, "needs a list of texts");
        }
        return values;
    }

    void refuse(const char* name, std::string_view text)
    {
        if (wrong_.empty()) wrong_ = fmt::format("claim {} {}", name, text);
    }

private:
    const json& from_;
    std::string wrong_;
};

license_tier read_tier(claim_reader& claims)
{
    const auto text = claims.text("tier");
    for (const auto tier :
         {license_tier::professional, license_tier::enterprise, license_tier::multitenant_saas})
        if (to_text(tier) == text) return tier;
    claims.refuse("tier", "is not one of PROFESSIONAL, ENTERPRISE, MULTITENANT_SAAS");
    return license_tier::professional;
}

wall_time end_of_day(wall_time at)
{
    const auto day = std::chrono::floor<std::chrono::days>(at);
    return wall_time(day) + std::chrono::days(1) - seconds(1);
}

}  // namespace

std::optional<json> parse_json_object(std::string_view text)
{
    std::vector<std::set<std::string>> open;
    bool is_twice = false;
    const auto look = [&](int, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::object_start) open.emplace_back();
        if (event == json::parse_event_t::object_end) open.pop_back();
        if (event == json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
            is_twice = true;
        return true;
    };
    auto value = json::parse(text, look, false);
    if (is_twice || !value.is_object()) return std::nullopt;
    return value;
}

std::variant<license_claims, std::string> read_license_claims(const json& from)
{
    claim_reader read(from);
    license_claims claims;
    for (const auto* fixed : {"iss", "aud"})
        if (read.text(fixed) != "leasehold") read.refuse(fixed, "is not leasehold");
    claims.id = read.text("jti");
    claims.customer = read.text("sub");
    claims.issued_at = read.time("iat");
    claims.not_before = read.time("nbf");
    claims.ends_at = end_of_day(read.time("exp"));
    claims.tier = read_tier(read);
    if (read.has("features")) claims.features = read.texts("features");
    constexpr std::int64_t most_of_anything = 1'000'000'000;
    if (read.has("max_tenants")) claims.max_tenants = read.number("max_tenants", 0, most_of_anything);
    if (read.has("max_hosts")) claims.max_hosts = read.number("max_hosts", 0, most_of_anything);
    claims.grace_days = default_grace_days;
    if (read.has("grace_days"))
        claims.grace_days = static_cast<int>(read.number("grace_days", 0, most_grace_days));
    if (read.has("updates_until")) claims.updates_until = read.time("updates_until");
    if (read.has("installation")) claims.installation = read.text("installation");
    if (claims.ends_at < claims.not_before) read.refuse("exp", "lies before nbf");
    if (!read.wrong().empty()) return read.wrong();
    return claims;
}

std::string to_day(wall_time at)
{
    const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(at));
    return fmt::format(
        "{:04}-{:02}-{:02}",
        static_cast<int>(day.year()),
        static_cast<unsigned>(day.month()),
        static_cast<unsigned>(day.day())
    );
}

wall_time grace_end_of(const license_claims& claims) noexcept
{
    return claims.ends_at + seconds(1) + std::chrono::days(claims.grace_days);
}

}  // namespace leasehold
