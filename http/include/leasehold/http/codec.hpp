#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/secret.hpp>
#include <leasehold/base/uuid.hpp>
#include <leasehold/http/problem.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How C++ values become JSON and back: one codec per type. Fields tables are built of these; code outside
// this module meets them only when it adds a type (see texts<> and parsed<>).
namespace leasehold::http {

using json = nlohmann::json;

// Where a value being decoded stands, and everything that was wrong with it.
class decoding
{
public:
    explicit decoding(bool from_query = false) : from_query_(from_query) {}

    void fail(std::string code, std::string detail);
    void fail_type(std::string_view wanted) { fail("field_invalid", "must be " + std::string(wanted)); }
    void enter(std::string_view member);
    void leave();
    void ignore() noexcept { ++ignored_; }

    [[nodiscard]] const std::vector<field_problem>& problems() const noexcept { return problems_; }
    [[nodiscard]] std::size_t ignored() const noexcept { return ignored_; }
    [[nodiscard]] bool is_from_query() const noexcept { return from_query_; }

private:
    bool from_query_;
    std::vector<std::string> path_;
    std::vector<field_problem> problems_;
    std::size_t ignored_ = 0;
};

// The schemas of an OpenAPI document while it is written: named ones go to components once.
class schema_book
{
public:
    virtual ~schema_book() = default;
    // Writes a reference to `name` into `schema`; `describe` fills the named schema the first time.
    virtual void refer(std::string_view name, json& schema, const std::function<void(json&)>& describe) = 0;
};

// Without the JSON library in every header.
namespace raw {
void set(json& into, std::string_view text);
void set(json& into, std::int64_t number);
void set(json& into, std::uint64_t number);
void set(json& into, double number);
void set(json& into, bool value);
void set_null(json& into);
void set_array(json& into);
void set_object(json& into);
void copy(json& into, const json& from);
json& append_to(json& array);
json& member_of(json& object, std::string_view name);
const json* find_member(const json& object, std::string_view name);
bool is_null(const json& value);
bool is_array(const json& value);
bool is_object(const json& value);
void for_each_element(const json& array, const std::function<void(std::size_t, const json&)>& each);
void for_each_member(const json& object, const std::function<void(const std::string&, const json&)>& each);

bool get(const json& from, std::string& into);
bool get(const json& from, bool& into);
bool get(const json& from, double& into);
bool get(const json& from, std::int64_t least, std::int64_t most, std::int64_t& into);
bool get(const json& from, std::uint64_t most, std::uint64_t& into);

void describe(json& schema, std::string_view type, std::string_view format = {});
void describe_nullable(json& schema);
void describe_enum(json& schema, const std::vector<std::string_view>& values);
void from_text_number(std::string_view text, json& into);
void from_text_bool(std::string_view text, json& into);
std::string dump(const std::function<void(json&)>& fill);
std::string type_name(const char* mangled);
}  // namespace raw

// An enum in JSON: specialise with  static constexpr std::array rows{std::pair{E::one,
// std::string_view("one")}, …}.
template <class E>
struct texts;
template <class E>
concept has_texts = requires
{
    texts<E>::rows;
};

// Types with `static optional<T> parse(string_view)` and a text form.
template <class T>
concept has_to_string = requires(const T& value)
{
    {
        value.to_string()
        } -> std::convertible_to<std::string>;
};
template <class T>
concept has_text = requires(const T& value)
{
    {
        value.text()
        } -> std::convertible_to<std::string_view>;
};
template <class T>
concept parsed = (has_to_string<T> || has_text<T>)&&requires(std::string_view text)
{
    {
        T::parse(text)
        } -> std::same_as<std::optional<T>>;
};

// A member of a merge patch: not given, null, or a value.
template <class T>
struct change
{
    bool is_given = false;
    std::optional<T> value;
};

// One page of a list.
template <class T>
struct page
{
    std::vector<T> items;
    std::optional<std::string> next;  // cursor of the page after; absent at the end
};

template <class T>
class fields;
// The table of T: made by its fields<T> constant, internal "fields_missing" without one.
template <class T>
const fields<T>& table_of();

template <class T>
struct codec  // structs with a field table
{
    static constexpr bool is_optional = false;
    static constexpr bool is_left_out(const T&) { return false; }
    static void encode(const T& from, json& into) { table_of<T>().encode(from, into); }
    static void decode(const json& from, T& into, decoding& at) { table_of<T>().decode(from, into, at); }
    static void from_text(std::string_view text, json& into) { raw::set(into, text); }
    static void describe(json& schema, schema_book& book)
    {
        const auto& table = table_of<T>();
        book.refer(table.name(), schema, [&](json& named) { table.describe(named, book); });
    }
};

struct plain_codec
{
    static constexpr bool is_optional = false;
    template <class T>
    static constexpr bool is_left_out(const T&)
    {
        return false;
    }
    static void from_text(std::string_view text, json& into) { raw::set(into, text); }
};

template <>
struct codec<std::string> : plain_codec
{
    static void encode(const std::string& from, json& into) { raw::set(into, std::string_view(from)); }
    static void decode(const json& from, std::string& into, decoding& at)
    {
        if (!raw::get(from, into)) at.fail_type("a text");
    }
    static void describe(json& schema, schema_book&) { raw::describe(schema, "string"); }
};

template <>
struct codec<secret<std::string>> : plain_codec
{
    static void encode(const secret<std::string>& from, json& into) { raw::set(into, from.reveal()); }
    static void decode(const json& from, secret<std::string>& into, decoding& at)
    {
        std::string text;
        if (!raw::get(from, text)) at.fail_type("a text");
        into = secret<std::string>::take(std::move(text));
    }
    static void describe(json& schema, schema_book&) { raw::describe(schema, "string", "password"); }
};

template <>
struct codec<bool> : plain_codec
{
    static void encode(const bool& from, json& into) { raw::set(into, from); }
    static void decode(const json& from, bool& into, decoding& at)
    {
        if (!raw::get(from, into)) at.fail_type("true or false");
    }
    static void from_text(std::string_view text, json& into) { raw::from_text_bool(text, into); }
    static void describe(json& schema, schema_book&) { raw::describe(schema, "boolean"); }
};

template <>
struct codec<double> : plain_codec
{
    static void encode(const double& from, json& into) { raw::set(into, from); }
    static void decode(const json& from, double& into, decoding& at)
    {
        if (!raw::get(from, into)) at.fail_type("a number");
    }
    static void from_text(std::string_view text, json& into) { raw::from_text_number(text, into); }
    static void describe(json& schema, schema_book&) { raw::describe(schema, "number"); }
};

template <std::signed_integral T>
struct codec<T> : plain_codec
{
    static void encode(const T& from, json& into) { raw::set(into, std::int64_t{from}); }
    static void decode(const json& from, T& into, decoding& at)
    {
        std::int64_t number = 0;
        using limits = std::numeric_limits<T>;
        if (!raw::get(from, limits::min(), limits::max(), number))
            return at.fail_type("a whole number in range");
        into = static_cast<T>(number);
    }
    static void from_text(std::string_view text, json& into) { raw::from_text_number(text, into); }
    static void describe(json& schema, schema_book&) { raw::describe(schema, "integer"); }
};

template <std::unsigned_integral T>
requires(!std::same_as<T, bool>) struct codec<T> : plain_codec
{
    static void encode(const T& from, json& into) { raw::set(into, std::uint64_t{from}); }
    static void decode(const json& from, T& into, decoding& at)
    {
        std::uint64_t number = 0;
        if (!raw::get(from, std::numeric_limits<T>::max(), number))
            return at.fail_type("a whole number from 0");
        into = static_cast<T>(number);
    }
    static void from_text(std::string_view text, json& into) { raw::from_text_number(text, into); }
    static void describe(json& schema, schema_book&) { raw::describe(schema, "integer"); }
};

template <>
struct codec<std::chrono::seconds> : plain_codec  // members named *_seconds
{
    static void encode(const std::chrono::seconds& from, json& into)
    {
        raw::set(into, std::int64_t{from.count()});
    }
    static void decode(const json& from, std::chrono::seconds& into, decoding& at)
    {
        std::int64_t number = 0;
        constexpr std::int64_t century = 100LL * 366 * 86400;
        if (!raw::get(from, 0, century, number)) return at.fail_type("a whole number of seconds");
        into = std::chrono::seconds(number);
    }
    static void from_text(std::string_view text, json& into) { raw::from_text_number(text, into); }
    static void describe(json& schema, schema_book&) { raw::describe(schema, "integer"); }
};

template <>
struct codec<wall_time> : plain_codec
{
    static void encode(const wall_time& from, json& into)
    {
        raw::set(into, std::string_view(to_rfc3339(from)));
    }
    static void decode(const json& from, wall_time& into, decoding& at)
    {
        std::string text;
        std::optional<wall_time> time;
        if (raw::get(from, text)) time = parse_rfc3339(text);
        if (!time) return at.fail_type("a time of RFC 3339, such as 2026-11-03T09:15:00Z");
        into = *time;
    }
    static void describe(json& schema, schema_book&) { raw::describe(schema, "string", "date-time"); }
};

template <has_texts T>
struct codec<T> : plain_codec
{
    static void encode(const T& from, json& into)
    {
        for (const auto& [value, text] : texts<T>::rows) {
            if (value == from) return raw::set(into, text);
        }
        raw::set_null(into);
    }
    static void decode(const json& from, T& into, decoding& at)
    {
        std::string text;
        const bool is_text = raw::get(from, text);
        std::string known;
        for (const auto& [value, name] : texts<T>::rows) {
            if (is_text && name == text) {
                into = value;
                return;
            }
            known.append(known.empty() ? "" : ", ").append(name);
        }
        at.fail_type("one of: " + known);
    }
    static void describe(json& schema, schema_book&)
    {
        std::vector<std::string_view> values;
        for (const auto& row : texts<T>::rows) values.push_back(row.second);
        raw::describe_enum(schema, values);
    }
};

// uuid, strong ids, slug, tid.
template <parsed T>
struct codec<T> : plain_codec
{
    static std::string text_of(const T& from)
    {
        if constexpr (has_to_string<T>) {
            return from.to_string();
        } else {
            return std::string(from.text());
        }
    }
    static constexpr bool is_uuid = requires(const T& value) { value.is_nil(); };

    static std::optional<T> read(const json& from, decoding& at)
    {
        std::string text;
        std::optional<T> value;
        if (raw::get(from, text)) value = T::parse(text);
        if (!value) at.fail_type(is_uuid ? "a UUID" : "a name of the allowed form");
        return value;
    }
    static void encode(const T& from, json& into) { raw::set(into, std::string_view(text_of(from))); }
    static void decode(const json& from, T& into, decoding& at)
    {
        auto value = read(from, at);
        if (value) into = std::move(*value);
    }
    static void describe(json& schema, schema_book&)
    {
        raw::describe(schema, "string", is_uuid ? std::string_view("uuid") : std::string_view());
    }
};

template <>
struct codec<json> : plain_codec  // free JSON, bounded by the body's limits
{
    static void encode(const json& from, json& into) { raw::copy(into, from); }
    static void decode(const json& from, json& into, decoding&) { raw::copy(into, from); }
    static void describe(json&, schema_book&) {}
};

template <class T>
struct codec<std::optional<T>> : plain_codec
{
    static constexpr bool is_optional = true;
    static void encode(const std::optional<T>& from, json& into)
    {
        if (!from) return raw::set_null(into);
        codec<T>::encode(*from, into);
    }
    static void decode(const json& from, std::optional<T>& into, decoding& at)
    {
        into.reset();
        if (raw::is_null(from)) return;
        if constexpr (std::default_initializable<T>) {
            T value{};
            codec<T>::decode(from, value, at);
            into.emplace(std::move(value));
        } else {
            into = codec<T>::read(from, at);
        }
    }
    static void from_text(std::string_view text, json& into) { codec<T>::from_text(text, into); }
    static void describe(json& schema, schema_book& book)
    {
        codec<T>::describe(schema, book);
        raw::describe_nullable(schema);
    }
};

template <class T>
struct codec<change<T>> : plain_codec
{
    static constexpr bool is_optional = true;
    static bool is_left_out(const change<T>& from) { return !from.is_given; }
    static void encode(const change<T>& from, json& into)
    {
        codec<std::optional<T>>::encode(from.value, into);
    }
    static void decode(const json& from, change<T>& into, decoding& at)
    {
        into.is_given = true;
        codec<std::optional<T>>::decode(from, into.value, at);
    }
    static void describe(json& schema, schema_book& book) { codec<std::optional<T>>::describe(schema, book); }
};

template <class T>
struct codec<std::vector<T>> : plain_codec
{
    static void encode(const std::vector<T>& from, json& into)
    {
        raw::set_array(into);
        for (const auto& one : from) codec<T>::encode(one, raw::append_to(into));
    }
    static void decode(const json& from, std::vector<T>& into, decoding& at)
    {
        into.clear();
        if (!raw::is_array(from)) return at.fail_type("a list");
        raw::for_each_element(from, [&](std::size_t index, const json& one) {
            at.enter(std::to_string(index));
            if constexpr (std::default_initializable<T>) {
                T value{};
                codec<T>::decode(one, value, at);
                into.push_back(std::move(value));
            } else {
                auto value = codec<T>::read(one, at);
                if (value) into.push_back(std::move(*value));
            }
            at.leave();
        });
    }
    static void describe(json& schema, schema_book& book)
    {
        raw::describe(schema, "array");
        codec<T>::describe(raw::member_of(schema, "items"), book);
    }
};

template <class T>
struct codec<std::map<std::string, T>> : plain_codec  // labels
{
    static void encode(const std::map<std::string, T>& from, json& into)
    {
        raw::set_object(into);
        for (const auto& [name, value] : from) codec<T>::encode(value, raw::member_of(into, name));
    }
    static void decode(const json& from, std::map<std::string, T>& into, decoding& at)
    {
        into.clear();
        if (!raw::is_object(from)) return at.fail_type("an object");
        raw::for_each_member(from, [&](const std::string& name, const json& one) {
            at.enter(name);
            codec<T>::decode(one, into[name], at);
            at.leave();
        });
    }
    static void describe(json& schema, schema_book& book)
    {
        raw::describe(schema, "object");
        codec<T>::describe(raw::member_of(schema, "additionalProperties"), book);
    }
};

template <class T>
struct codec<page<T>> : plain_codec
{
    static void encode(const page<T>& from, json& into)
    {
        raw::set_object(into);
        codec<std::vector<T>>::encode(from.items, raw::member_of(into, "items"));
        codec<std::optional<std::string>>::encode(from.next, raw::member_of(into, "next"));
    }
    static void describe(json& schema, schema_book& book)
    {
        raw::describe(schema, "object");
        json& members = raw::member_of(schema, "properties");
        codec<std::vector<T>>::describe(raw::member_of(members, "items"), book);
        codec<std::optional<std::string>>::describe(raw::member_of(members, "next"), book);
    }
};

// The JSON text of anything that has a codec.
template <class T>
std::string to_json_text(const T& value)
{
    return raw::dump([&](json& into) { codec<T>::encode(value, into); });
}

}  // namespace leasehold::http
