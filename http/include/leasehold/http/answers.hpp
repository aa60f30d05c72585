#pragma once

#include <leasehold/http/codec.hpp>
#include <leasehold/http/message.hpp>

#include <string>
#include <utility>

// What a handler may return besides a struct with a field table (200), page<T> (200), void (204) and a whole
// reply.
namespace leasehold::http {

struct no_content
{};

// 202: an operation has begun; its address and its present form.
class accepted
{
public:
    template <class T>
    accepted(std::string location, const T& operation)
        : location_(std::move(location))
        , body_(to_json_text(operation))
    {}
    [[nodiscard]] const std::string& location() const noexcept { return location_; }
    [[nodiscard]] const std::string& body() const noexcept { return body_; }

private:
    std::string location_;
    std::string body_;
};

// 201: the new resource. An empty location sends none.
class created
{
public:
    template <class T>
    created(std::string location, const T& resource)
        : location_(std::move(location))
        , body_(to_json_text(resource))
    {}
    [[nodiscard]] const std::string& location() const noexcept { return location_; }
    [[nodiscard]] const std::string& body() const noexcept { return body_; }

private:
    std::string location_;
    std::string body_;
};

reply plain_text(int status, std::string text, std::string media_type = "text/plain; charset=utf-8");
reply json_reply(int status, std::string text);

inline reply to_reply(reply whole)
{
    return whole;
}
inline reply to_reply(const no_content&)
{
    return reply(204);
}
reply to_reply(const accepted& what);
reply to_reply(const created& what);
template <class T>
reply to_reply(const T& value)
{
    return json_reply(200, to_json_text(value));
}

// Status and schema of what a handler returns, for the OpenAPI document.
template <class Out>
struct answer_facts
{
    static constexpr int status = 200;
    static void describe(json& schema, schema_book& book) { codec<Out>::describe(schema, book); }
};
template <int Status>
struct untyped_facts
{
    static constexpr int status = Status;
    static void describe(json&, schema_book&) {}
};
template <>
struct answer_facts<void> : untyped_facts<204>
{};
template <>
struct answer_facts<no_content> : untyped_facts<204>
{};
template <>
struct answer_facts<reply> : untyped_facts<200>
{};
template <>
struct answer_facts<accepted> : untyped_facts<202>
{};
template <>
struct answer_facts<created> : untyped_facts<201>
{};

}  // namespace leasehold::http
