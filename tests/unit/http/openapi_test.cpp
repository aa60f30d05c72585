#include "thing_api.hpp"

#include <leasehold/http/openapi.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace leasehold::http::testing {
namespace {

nlohmann::json document(const thing_service& service)
{
    const api_info info("Things", "1");
    return nlohmann::json::parse(openapi(service.table, info, "/api/"));
}

TEST(Openapi, HasEveryRouteWithItsPermission)
{
    const thing_service service;
    const auto whole = document(service);
    EXPECT_EQ(whole.at("openapi"), "3.1.0");
    std::size_t operations = 0;
    for (const auto& path : whole.at("paths")) {
        for (const auto& operation : path) {
            EXPECT_TRUE(operation.contains("x-permission"));
            EXPECT_TRUE(operation.contains("operationId"));
            ++operations;
        }
    }
    EXPECT_EQ(operations, service.table.all().size() - 2) << "all but /healthz and /ui";
    EXPECT_EQ(
        whole.at("/paths/~1api~1v1~1tenants~1{tenant_id}/get/x-permission"_json_pointer), "tenants.read"
    );
}

TEST(Openapi, DescribesTheFieldTables)
{
    const thing_service service;
    const auto whole = document(service);
    const auto& create = whole.at("components").at("schemas").at("thing_create");
    EXPECT_EQ(create.at("required"), nlohmann::json::array({"slug"}));
    EXPECT_EQ(create.at("additionalProperties"), false);
    const auto& members = create.at("properties");
    EXPECT_EQ(members.at("amount").at("maximum"), 100);
    EXPECT_EQ(members.at("name").at("maxLength"), 20);
    EXPECT_EQ(members.at("tags").at("items").at("type"), "string");
    EXPECT_EQ(members.at("ends_at").at("format"), "date-time");
    EXPECT_EQ(members.at("size").at("enum"), nlohmann::json::array({"small", "large", nullptr}));
    EXPECT_EQ(members.at("limits").at("anyOf").at(0).at("$ref"), "#/components/schemas/bounds");
    EXPECT_FALSE(whole.at("components").at("schemas").at("beat").contains("additionalProperties"));
}

TEST(Openapi, MakesParametersOfPathAndQuery)
{
    const thing_service service;
    const auto whole = document(service);
    const auto& query = whole.at("/paths/~1api~1v1~1things/get/parameters"_json_pointer);
    ASSERT_EQ(query.size(), 3U);
    for (const auto& one : query) EXPECT_EQ(one.at("in"), "query");
    const auto& path = whole.at("/paths/~1api~1v1~1tenants~1{tenant_id}/get/parameters"_json_pointer);
    EXPECT_EQ(path.at(0).at("schema").at("format"), "uuid");
}

TEST(Openapi, IsTheSameTextEachTime)
{
    const thing_service one;
    const thing_service two;
    const api_info info("Things", "1");
    EXPECT_EQ(openapi(one.table, info), openapi(two.table, info));
}

}  // namespace
}  // namespace leasehold::http::testing
