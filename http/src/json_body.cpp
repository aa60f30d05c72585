#include "json_body.hpp"

#include <leasehold/base/error.hpp>

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <vector>

namespace leasehold::http {
namespace {

constexpr std::size_t most_levels = 32;

[[noreturn]] void refuse(std::string detail)
{
    throw error(error_kind::protocol, "body_malformed", std::move(detail));
}

// Sees every event of the parser, so that what is refused never becomes a value.
class guard
{
public:
    bool operator()(nlohmann::json::parse_event_t event, const nlohmann::json& parsed)
    {
        using event_t = nlohmann::json::parse_event_t;
        switch (event) {
        case event_t::object_start:
        case event_t::array_start:
            if (levels_.size() >= most_levels) refuse("the JSON is nested too deeply");
            levels_.emplace_back();
            break;
        case event_t::object_end:
        case event_t::array_end:
            levels_.pop_back();
            break;
        case event_t::key:
            if (!levels_.back().insert(checked(parsed)).second)
                refuse("a member is given twice: " + checked(parsed));
            break;
        case event_t::value:
            if (parsed.is_string()) (void)checked(parsed);
            break;
        }
        return true;
    }

private:
    static const std::string& checked(const nlohmann::json& value)
    {
        const auto& text = value.get_ref<const std::string&>();
        if (text.find('\0') != std::string::npos) refuse("a text holds the character U+0000");
        return text;
    }

    std::vector<std::set<std::string>> levels_;
};

}  // namespace

nlohmann::json parse_body(std::string_view text)
{
    guard events;
    const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
        return events(event, parsed);
    };
    try {
        return nlohmann::json::parse(text.begin(), text.end(), watch);
    } catch (const nlohmann::json::exception&) {
        refuse("the body is not valid JSON in UTF-8");
    }
}

}  // namespace leasehold::http
