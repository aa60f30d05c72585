#include <leasehold/database/session.hpp>

#include <gtest/gtest.h>

namespace leasehold::database {
namespace {

row row_of(const std::vector<std::pair<std::string, std::optional<std::string>>>& fields)
{
    auto names = std::make_shared<std::vector<std::string>>();
    std::vector<std::optional<std::string>> values;
    for (const auto& [name, value] : fields) {
        names->push_back(name);
        values.push_back(value);
    }
    return {names, values};
}

std::string code_of(const std::function<void()>& call)
{
    try {
        call();
    } catch (const error& e) {
        return e.code();
    }
    return "";
}

TEST(Row, GivesFieldsAsTheirTypes)
{
    const auto id = uuid::random();
    const auto one = row_of(
        {{"text", "x"},
         {"yes", "t"},
         {"no", "f"},
         {"small", "-7"},
         {"large", "9007199254740993"},
         {"real", "0.1"},
         {"id", id.to_string()},
         {"at", "2026-11-03 09:15:00.25+00"},
         {"none", std::nullopt}}
    );
    EXPECT_EQ(one.get<std::string>("text"), "x");
    EXPECT_TRUE(one.get<bool>("yes"));
    EXPECT_FALSE(one.get<bool>("no"));
    EXPECT_EQ(one.get<int>("small"), -7);
    EXPECT_EQ(one.get<std::int64_t>("large"), 9007199254740993);
    EXPECT_EQ(one.get<double>("real"), 0.1);
    EXPECT_EQ(one.get<uuid>("id"), id);
    EXPECT_EQ(one.get<strong_id<struct tag>>("id").value(), id);
    EXPECT_EQ(to_rfc3339(one.get<wall_time>("at")), "2026-11-03T09:15:00.250Z");
    EXPECT_EQ(one.find<int>("none"), std::nullopt);
    EXPECT_EQ(one.find<int>("small"), -7);
    EXPECT_EQ(one[0], "x");
    EXPECT_EQ(one.size(), 9U);
}

TEST(Row, RefusesWhatIsNotThereOrOfAnotherType)
{
    const auto one = row_of({{"text", "7x"}, {"none", std::nullopt}, {"large", "3000000000"}});
    EXPECT_EQ(code_of([&] { (void)one.get<int>("text"); }), "column_unexpected");
    EXPECT_EQ(code_of([&] { (void)one.get<int>("none"); }), "column_unexpected");
    EXPECT_EQ(code_of([&] { (void)one.get<int>("away"); }), "column_unexpected");
    EXPECT_EQ(code_of([&] { (void)one.get<bool>("text"); }), "column_unexpected");
    EXPECT_EQ(code_of([&] { (void)one.get<uuid>("text"); }), "column_unexpected");
    EXPECT_EQ(code_of([&] { (void)one.get<int>("large"); }), "column_unexpected");
    EXPECT_EQ(code_of([&] { (void)one.find<int>("text"); }), "column_unexpected");
}

TEST(Param, IsTextOrNull)
{
    EXPECT_EQ(param("x").text(), "x");
    EXPECT_EQ(param(std::string("x")).text(), "x");
    EXPECT_EQ(param(std::string_view("x")).text(), "x");
    EXPECT_EQ(param(true).text(), "t");
    EXPECT_EQ(param(7).text(), "7");
    EXPECT_EQ(param(-7LL).text(), "-7");
    EXPECT_EQ(param(0.1).text(), "0.1");
    EXPECT_EQ(param(1e300).text(), "1e+300");
    EXPECT_EQ(param(nullptr).text(), std::nullopt);
    EXPECT_EQ(param(std::nullopt).text(), std::nullopt);
    EXPECT_EQ(param(std::optional<int>()).text(), std::nullopt);
    EXPECT_EQ(param(std::optional<int>(7)).text(), "7");
    EXPECT_EQ(param(std::optional<std::string>("x")).text(), "x");
    const auto at = *parse_rfc3339("2026-11-03T09:15:00.250017Z");
    EXPECT_EQ(param(at).text(), "2026-11-03T09:15:00.250017Z");
}

TEST(ToArray, QuotesEveryItem)
{
    EXPECT_EQ(to_array({}), "{}");
    EXPECT_EQ(to_array({"a", "b c", "", "NULL", "q\"\\,{}"}), R"({"a","b c","","NULL","q\"\\,{}"})");
}

TEST(Endpoint, CloneHasEveryField)
{
    endpoint one;
    one.hosts = {{"a", std::uint16_t{1}}, {"b", std::uint16_t{2}}};
    one.database = "d";
    one.user = "u";
    one.password = secret<std::string>("p");
    one.sslmode = "s";
    one.ca_file = "c";
    one.application_name = "n";
    one.search_path = "h";
    one.connect_timeout = std::chrono::milliseconds(1);
    one.statement_timeout = std::chrono::milliseconds(2);
    one.lock_timeout = std::chrono::milliseconds(3);
    one.any_server = true;
    const auto two = one.clone();
    EXPECT_EQ(two.hosts, one.hosts);
    EXPECT_EQ(two.database, "d");
    EXPECT_EQ(two.user, "u");
    EXPECT_EQ(two.password.reveal(), "p");
    EXPECT_EQ(two.sslmode, "s");
    EXPECT_EQ(two.ca_file, "c");
    EXPECT_EQ(two.application_name, "n");
    EXPECT_EQ(two.search_path, "h");
    EXPECT_EQ(two.connect_timeout.count(), 1);
    EXPECT_EQ(two.statement_timeout.count(), 2);
    EXPECT_EQ(two.lock_timeout.count(), 3);
    EXPECT_TRUE(two.any_server);
}

}  // namespace
}  // namespace leasehold::database
