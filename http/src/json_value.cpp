#include <leasehold/http/codec.hpp>
#include <leasehold/http/fields.hpp>

#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cxxabi.h>
#include <memory>

namespace leasehold::http::raw {

void set(json& into, std::string_view text)
{
    into = std::string(text);
}
void set(json& into, std::int64_t number)
{
    into = number;
}
void set(json& into, std::uint64_t number)
{
    into = number;
}
void set(json& into, double number)
{
    into = number;
}
void set(json& into, bool value)
{
    into = value;
}
void set_null(json& into)
{
    into = nullptr;
}
void set_array(json& into)
{
    into = json::array();
}
void set_object(json& into)
{
    into = json::object();
}
void copy(json& into, const json& from)
{
    into = from;
}

json& append_to(json& array)
{
    array.push_back(nullptr);
    return array.back();
}

json& member_of(json& object, std::string_view name)
{
    return object[std::string(name)];
}

const json* find_member(const json& object, std::string_view name)
{
    const auto found = object.find(std::string(name));
    return found == object.end() ? nullptr : &*found;
}

bool is_null(const json& value)
{
    return value.is_null();
}
bool is_array(const json& value)
{
    return value.is_array();
}
bool is_object(const json& value)
{
    return value.is_object();
}

void for_each_element(const json& array, const std::function<void(std::size_t, const json&)>& each)
{
    std::size_t index = 0;
    for (const auto& one : array) each(index++, one);
}

void for_each_member(const json& object, const std::function<void(const std::string&, const json&)>& each)
{
    for (auto one = object.begin(); one != object.end(); ++one) each(one.key(), one.value());
}

bool get(const json& from, std::string& into)
{
    if (!from.is_string()) return false;
    into = from.get_ref<const std::string&>();
    return true;
}

bool get(const json& from, bool& into)
{
    if (!from.is_boolean()) return false;
    into = from.get<bool>();
    return true;
}

bool get(const json& from, double& into)
{
    if (!from.is_number()) return false;
    into = from.get<double>();
    return std::isfinite(into);
}

bool get(const json& from, std::int64_t least, std::int64_t most, std::int64_t& into)
{
    if (!from.is_number_integer()) return false;
    if (from.is_number_unsigned()) {
        const auto number = from.get<std::uint64_t>();
        if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return false;
    }
    into = from.get<std::int64_t>();
    return into >= least && into <= most;
}

bool get(const json& from, std::uint64_t most, std::uint64_t& into)
{
    if (!from.is_number_unsigned()) return false;
    into = from.get<std::uint64_t>();
    return into <= most;
}

void describe(json& schema, std::string_view type, std::string_view format)
{
    schema["type"] = std::string(type);
    if (!format.empty()) schema["format"] = std::string(format);
}

void describe_nullable(json& schema)
{
    if (schema.contains("$ref")) {
        const json reference = schema;
        schema = json::object();
        schema["anyOf"] = json::array({reference, json{{"type", "null"}}});
    } else if (schema.contains("type") && schema["type"].is_string()) {
        const std::string type = schema["type"];
        schema["type"] = json::array({type, "null"});
        if (schema.contains("enum")) schema["enum"].push_back(nullptr);
    }
}

void describe_enum(json& schema, const std::vector<std::string_view>& values)
{
    describe(schema, "string");
    schema["enum"] = json::array();
    for (const auto value : values) schema["enum"].push_back(std::string(value));
}

void from_text_number(std::string_view text, json& into)
{
    const char* end = text.data() + text.size();
    std::int64_t number = 0;
    const auto whole = std::from_chars(text.data(), end, number);
    if (whole.ec == std::errc() && whole.ptr == end) {
        if (number < 0)
            into = number;
        else
            into = static_cast<std::uint64_t>(number);
        return;
    }
    double real = 0;
    const auto read = std::from_chars(text.data(), end, real);
    if (read.ec == std::errc() && read.ptr == end)
        into = real;
    else
        into = std::string(text);  // the codec says what it wanted
}

void from_text_bool(std::string_view text, json& into)
{
    if (text == "true")
        into = true;
    else if (text == "false")
        into = false;
    else
        into = std::string(text);
}

std::string dump(const std::function<void(json&)>& fill)
{
    json value;
    fill(value);
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// The last part of a C++ name: "tenant_create" of leasehold::control_plane::tenant_create.
std::string type_name(const char* mangled)
{
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(
        abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free
    );
    std::string name = status == 0 && text ? text.get() : mangled;
    const auto last = name.rfind("::");
    if (last != std::string::npos) name.erase(0, last + 2);
    return name;
}

void refuse_missing_table(const char* mangled)
{
    throw error(
        error_kind::internal,
        "fields_missing",
        "the request could not be handled",
        "there is no field table for " + type_name(mangled)
    );
}

}  // namespace leasehold::http::raw
