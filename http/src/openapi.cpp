#include "plain_answer.hpp"
#include "text.hpp"

#include <leasehold/http/openapi.hpp>

#include <nlohmann/json.hpp>

#include <set>
#include <utility>

namespace leasehold::http {

// Writes one document; named schemas gather as they are met.
class api_document final : public schema_book
{
public:
    void add(const route& one);
    std::string to_text(const api_info& info) const;

    void refer(std::string_view name, json& schema, const std::function<void(json&)>& describe) override
    {
        const std::string key(name);
        schema["$ref"] = "#/components/schemas/" + key;
        if (!seen_.insert(key).second) return;  // met already: also what ends a type that refers to itself
        json named;
        describe(named);
        schemas_[key] = std::move(named);
    }

private:
    static std::string template_of(const route& one);
    static std::string id_of(const route& one);
    void add_parameters(const route& one, json& operation);
    static json problem_answer(const std::string& what);

    json paths_ = json::object();
    json schemas_ = json::object();
    std::set<std::string> seen_;
};

// {kind:text} is {kind} to OpenAPI.
std::string api_document::template_of(const route& one)
{
    std::string text;
    for (const auto& part : one.segments_) {
        const bool is_literal = part.kind == segment_kind::literal;
        text += is_literal ? "/" + part.text : "/{" + part.text + "}";
    }
    return text.empty() ? "/" : text;
}

std::string api_document::id_of(const route& one)
{
    std::string id;
    for (const char c : http::to_text(one.verb_)) id += to_lower(c);
    for (const auto& part : one.segments_) {
        if (part.text == "api" || part.text == "v1") continue;
        id += '_';
        for (const char c : part.text) id += c == '-' || c == '.' ? '_' : c;
    }
    return id;
}

json api_document::problem_answer(const std::string& what)
{
    json made;
    made["description"] = what;
    made["content"]["application/problem+json"]["schema"]["$ref"] = "#/components/schemas/problem";
    return made;
}

void api_document::add_parameters(const route& one, json& operation)
{
    json parameters = json::array();
    for (const auto& part : one.segments_) {
        if (part.kind == segment_kind::literal) continue;
        json schema{{"type", "string"}};
        if (part.kind == segment_kind::id) schema["format"] = "uuid";
        parameters.push_back({{"name", part.text}, {"in", "path"}, {"required", true}, {"schema", schema}});
    }
    const bool is_query = one.verb_ == method::get || one.verb_ == method::del;
    if (one.call_->has_input()) {
        json schema;
        one.call_->describe_input(schema, *this);
        if (is_query) {  // the table's members are the parameters
            const std::string name = schema.at("$ref").get<std::string>().substr(21);
            const json table = schemas_.at(name);
            std::set<std::string> required;
            for (const auto& member : table.at("required")) required.insert(member.get<std::string>());
            for (const auto& member : table.at("properties").items()) {
                parameters.push_back(
                    {{"name", member.key()},
                     {"in", "query"},
                     {"required", required.count(member.key()) != 0},
                     {"schema", member.value()}}
                );
            }
        } else {
            operation["requestBody"]["required"] = true;
            operation["requestBody"]["content"]["application/json"]["schema"] = schema;
        }
    }
    if (!parameters.empty()) operation["parameters"] = parameters;
}

void api_document::add(const route& one)
{
    json operation;
    operation["operationId"] = id_of(one);
    if (!one.summary_.empty()) operation["summary"] = one.summary_;
    operation["x-permission"] = std::string(one.needed_.name);
    operation["x-scope"] = std::string(http::to_text(one.needed_.needs));
    if (!one.codes_.empty()) operation["x-codes"] = one.codes_;
    if (one.needed_.needs == scope::open) operation["security"] = json::array();
    add_parameters(one, operation);

    json schema;
    if (one.describe_body_ != nullptr)
        one.describe_body_(schema, *this);
    else
        one.call_->describe_answer(schema, *this);
    json& answers = operation["responses"];
    json& good = answers[std::to_string(one.call_->status())];
    good["description"] = std::string(reason_of(one.call_->status()));
    if (!schema.is_null()) good["content"]["application/json"]["schema"] = schema;
    answers["default"] = problem_answer("Problem");

    std::string verb;
    for (const char c : http::to_text(one.verb_)) verb += to_lower(c);
    paths_[template_of(one)][verb] = std::move(operation);
}

std::string api_document::to_text(const api_info& info) const
{
    json whole;
    whole["openapi"] = "3.1.0";
    whole["info"]["title"] = info.title;
    whole["info"]["version"] = info.version;
    if (!info.description.empty()) whole["info"]["description"] = info.description;
    whole["paths"] = paths_;
    whole["components"]["schemas"] = schemas_;
    whole["components"]["schemas"]["problem"] = json::parse(R"({
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "detail": {"type": "string"}, "instance": {"type": "string"}, "code": {"type": "string"},
            "request_id": {"type": "string", "format": "uuid"}, "docs": {"type": "string"},
            "errors": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string"}, "code": {"type": "string"}, "detail": {"type": "string"}
                }
            }}
        }
    })");
    whole["components"]["securitySchemes"]["bearer"] = {{"type", "http"}, {"scheme", "bearer"}};
    whole["security"] = json::array({json{{"bearer", json::array()}}});
    return whole.dump(2) + "\n";
}

std::string openapi(const routes& of, const api_info& info, std::string_view prefix)
{
    api_document made;
    for (const auto& one : of.all()) {
        if (one->path().compare(0, prefix.size(), prefix) == 0) made.add(*one);
    }
    return made.to_text(info);
}

}  // namespace leasehold::http
