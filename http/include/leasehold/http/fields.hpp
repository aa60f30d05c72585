#pragma once

#include <leasehold/http/codec.hpp>
#include <leasehold/http/rule.hpp>

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

namespace leasehold::http {

// One member: its name in JSON, where it lives, what it must hold. Members that are not std::optional must be
// given, unless a rule says or_default().
template <class T>
class field
{
public:
    template <class Member, class... Rules>
    field(std::string_view name, Member T::*member, const Rules&... rules) : name_(name)
    {
        (limits_.add(rules), ...);
        is_required_ = !codec<Member>::is_optional && !limits_.may_be_absent;
        encode_ = [member](const T& from, json& object, std::string_view as) {
            if (codec<Member>::is_left_out(from.*member)) return;
            codec<Member>::encode(from.*member, raw::member_of(object, as));
        };
        decode_ = [member](const json& from, T& into, decoding& at) {
            codec<Member>::decode(from, into.*member, at);
        };
        from_text_ = &codec<Member>::from_text;
        describe_ = &codec<Member>::describe;
    }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] bool is_required() const noexcept { return is_required_; }
    void encode(const T& from, json& object) const { encode_(from, object, name_); }
    void decode(const json& value, T& into, decoding& at) const
    {
        at.enter(name_);
        const auto before = at.problems().size();
        decode_(value, into, at);
        if (at.problems().size() == before && !raw::is_null(value)) limits_.check(value, at);
        at.leave();
    }
    void to_value(std::string_view text, json& into) const { from_text_(text, into); }
    void describe(json& schema, schema_book& book) const
    {
        describe_(schema, book);
        limits_.describe(schema);
    }

private:
    std::string name_;
    rule limits_;
    bool is_required_ = true;
    std::function<void(const T&, json&, std::string_view)> encode_;
    std::function<void(const json&, T&, decoding&)> decode_;
    void (*from_text_)(std::string_view, json&) = nullptr;
    void (*describe_)(json&, schema_book&) = nullptr;
};

enum class unknown_members : std::uint8_t
{
    refused,
    ignored
};

// The one table of a type: decodes, validates, encodes and describes it. A constant at namespace scope beside
// the type
//   const fields<tenant_create> tenant_create_fields{
//       {"slug", &tenant_create::slug, slug_rules},
//       {"name", &tenant_create::name, at_most(200)},
//   };
// Constructing it makes it the table of T for the whole process: exactly one per type.
template <class T>
class fields
{
public:
    fields(std::initializer_list<field<T>> all) : fields(unknown_members::refused, all) {}
    fields(unknown_members others, std::initializer_list<field<T>> all)
        : all_(all)
        , others_(others)
        , name_(raw::type_name(typeid(T).name()))
    {
        slot() = this;
    }
    fields(const fields&) = delete;
    fields& operator=(const fields&) = delete;

    static const fields*& slot() noexcept
    {
        static const fields* table = nullptr;
        return table;
    }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const std::vector<field<T>>& all() const noexcept { return all_; }

    void encode(const T& from, json& into) const
    {
        raw::set_object(into);
        for (const auto& one : all_) one.encode(from, into);
    }

    void decode(const json& from, T& into, decoding& at) const
    {
        if (!raw::is_object(from)) return at.fail_type("an object");
        for (const auto& one : all_) {
            const json* value = raw::find_member(from, one.name());
            if (value != nullptr) {
                one.decode(*value, into, at);
            } else if (one.is_required()) {
                at.enter(one.name());
                at.fail("field_missing", "must be given");
                at.leave();
            }
        }
        raw::for_each_member(from, [&](const std::string& name, const json&) {
            if (find(name) == nullptr) refuse_unknown(name, at);
        });
    }

    [[nodiscard]] const field<T>* find(std::string_view name) const
    {
        for (const auto& one : all_) {
            if (one.name() == name) return &one;
        }
        return nullptr;
    }

    void describe(json& schema, schema_book& book) const
    {
        raw::describe(schema, "object");
        json& members = raw::member_of(schema, "properties");
        raw::set_object(members);
        for (const auto& one : all_) one.describe(raw::member_of(members, one.name()), book);
        json& required = raw::member_of(schema, "required");
        raw::set_array(required);
        for (const auto& one : all_) {
            if (one.is_required()) raw::set(raw::append_to(required), std::string_view(one.name()));
        }
        if (others_ == unknown_members::refused)
            raw::set(raw::member_of(schema, "additionalProperties"), false);
    }

private:
    void refuse_unknown(const std::string& name, decoding& at) const
    {
        if (others_ == unknown_members::ignored) return at.ignore();
        at.enter(name);
        at.fail("field_unknown", "there is no such member");
        at.leave();
    }

    std::vector<field<T>> all_;
    unknown_members others_;
    std::string name_;
};

namespace raw {
[[noreturn]] void refuse_missing_table(const char* mangled);
}  // namespace raw

template <class T>
const fields<T>& table_of()
{
    const auto* table = fields<T>::slot();
    if (table == nullptr) raw::refuse_missing_table(typeid(T).name());
    return *table;
}

}  // namespace leasehold::http
