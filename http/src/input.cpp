#include "json_body.hpp"
#include "target.hpp"
#include "text.hpp"

#include <leasehold/http/route.hpp>

#include <nlohmann/json.hpp>

#include <set>
#include <utility>

namespace leasehold::http {
namespace {

void check_media_type(const context& ctx)
{
    const auto given = ctx.header("Content-Type").value_or("");
    auto type = given.substr(0, given.find(';'));
    while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
    const bool is_merge =
        ctx.request().verb == method::patch && equal_without_case(type, "application/merge-patch+json");
    if (is_merge || equal_without_case(type, "application/json")) return;
    throw error(error_kind::invalid, "media_type", "the body must be application/json");
}

}  // namespace

void input::read_body(const std::function<void(const json&, decoding&)>& decode)
{
    json body = json::object();  // nothing at all is an empty object: what is missing is named
    if (!ctx_.request().body.empty()) {
        check_media_type(ctx_);
        body = parse_body(ctx_.request().body);
    }
    decoding at;
    decode(body, at);
    ignored_ += at.ignored();
    if (!at.problems().empty()) throw fields_error(at.problems());
    read_query([](std::string_view, std::string_view, decoding&) { return false; });
}

void input::read_query(const std::function<bool(std::string_view, std::string_view, decoding&)>& decode)
{
    const auto pairs = parse_query(query_);
    if (!pairs) throw error(error_kind::protocol, "query_malformed", "the query is not well-formed");
    decoding at(true);
    std::set<std::string> seen;
    for (const auto& [name, text] : *pairs) {
        if (!seen.insert(name).second) {
            throw error(error_kind::protocol, "query_unknown", "the query names a parameter twice: " + name);
        }
        if (!decode(name, text, at)) {
            throw error(error_kind::protocol, "query_unknown", "there is no such query parameter: " + name);
        }
    }
    if (!at.problems().empty()) throw fields_error(at.problems());
}

void input::with_value(const std::function<void(json&)>& fill, const std::function<void(const json&)>& use)
{
    json value;
    fill(value);
    use(value);
}

void input::expect_none()
{
    read_query([](std::string_view, std::string_view, decoding&) { return false; });
    if (ctx_.request().body.empty()) return;
    check_media_type(ctx_);
    const json body = parse_body(ctx_.request().body);
    if (!body.is_object()) throw error(error_kind::protocol, "body_malformed", "the body must be an object");
    decoding at;
    for (const auto& one : body.items()) {
        at.enter(one.key());
        at.fail("field_unknown", "there is no such member");
        at.leave();
    }
    if (!at.problems().empty()) throw fields_error(at.problems());
}

}  // namespace leasehold::http
