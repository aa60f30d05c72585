#include <leasehold/http/codec.hpp>
#include <leasehold/http/rule.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace leasehold::http {
namespace {

std::string joined(const std::vector<std::string>& all)
{
    std::string text;
    for (const auto& one : all) text += text.empty() ? one : ", " + one;
    return text;
}

// Name of the thing that is counted, in the schema's keywords and in the message.
struct measure
{
    const char* least_key;
    const char* most_key;
    const char* unit;
};

measure measure_of(std::string_view type)
{
    if (type == "string") return {"minLength", "maxLength", " bytes"};
    if (type == "array") return {"minItems", "maxItems", " entries"};
    if (type == "object") return {"minProperties", "maxProperties", " members"};
    return {"minimum", "maximum", ""};
}

}  // namespace

void rule::add(const rule& other)
{
    if (other.least) least = other.least;
    if (other.most) most = other.most;
    if (!other.allowed.empty()) allowed = other.allowed;
    if (!other.pattern.empty()) pattern = other.pattern;
    if (other.accepts != nullptr) accepts = other.accepts;
    if (!other.code.empty()) code = other.code;
    if (!other.about.empty()) about = other.about;
    may_be_absent = may_be_absent || other.may_be_absent;
}

void rule::check(const nlohmann::json& value, decoding& at) const
{
    const std::string_view type = value.is_number() ? "number" : value.type_name();
    const auto fail = [&](std::string detail) {
        at.fail(code.empty() ? "field_invalid" : code, std::move(detail));
    };
    const double amount = value.is_number() ? value.get<double>()
                          : value.is_string()
                              ? static_cast<double>(value.get_ref<const std::string&>().size())
                              : static_cast<double>(value.size());
    const auto unit = measure_of(type).unit;
    if (least && amount < static_cast<double>(*least))
        return fail("must be at least " + std::to_string(*least) + unit);
    if (most && amount > static_cast<double>(*most))
        return fail("must be at most " + std::to_string(*most) + unit);
    if (!value.is_string()) return;
    const auto& text = value.get_ref<const std::string&>();
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
        return fail("must be one of: " + joined(allowed));
    }
    if (accepts != nullptr && !accepts(text)) return fail("must match " + pattern);
}

void rule::describe(nlohmann::json& schema) const
{
    std::string type;
    if (schema.contains("type")) {
        const auto& declared = schema["type"];
        type = declared.is_array() ? declared[0].get<std::string>() : declared.get<std::string>();
    }
    const auto keys = measure_of(type);
    if (least) schema[keys.least_key] = *least;
    if (most) schema[keys.most_key] = *most;
    if (!allowed.empty()) schema["enum"] = allowed;
    if (!pattern.empty()) schema["pattern"] = pattern;
    if (!about.empty()) schema["description"] = about;
}

rule at_most(std::int64_t most)
{
    rule made;
    made.most = most;
    return made;
}

rule at_least(std::int64_t least)
{
    rule made;
    made.least = least;
    return made;
}

rule between(std::int64_t least, std::int64_t most)
{
    rule made;
    made.least = least;
    made.most = most;
    return made;
}

rule one_of(std::vector<std::string> allowed)
{
    rule made;
    made.allowed = std::move(allowed);
    return made;
}

rule shaped(std::string shape, bool (*accepts)(std::string_view), std::string code)
{
    rule made;
    made.pattern = std::move(shape);
    made.accepts = accepts;
    made.code = std::move(code);
    return made;
}

rule about(std::string text)
{
    rule made;
    made.about = std::move(text);
    return made;
}

rule with_code(std::string code)
{
    rule made;
    made.code = std::move(code);
    return made;
}

rule or_default()
{
    rule made;
    made.may_be_absent = true;
    return made;
}

}  // namespace leasehold::http
