#include "directory_fixture.hpp"
#include "front/route.hpp"

#include <gtest/gtest.h>

#include <array>

namespace leasehold::router {
namespace {

using namespace test;

struct stage
{
    any_directory keeper;
    tenant_record acme = make_tenant("acme");
    tenant_record globex = make_tenant("globex");
    directory_ptr in;

    stage()
    {
        auto all = change_of(acme);
        all.tenants[globex.id] = globex;
        in = keeper.apply(std::move(all));
    }
};

// How one of the four kinds of key is presented.
enum class shown
{
    absent,
    own,
    of_another,
    of_nobody
};
constexpr std::array all_ways{shown::absent, shown::own, shown::of_another, shown::of_nobody};

std::string slug_for(shown how)
{
    switch (how) {
    case shown::own:
        return "acme";
    case shown::of_another:
        return "globex";
    case shown::of_nobody:
        return "initech";
    case shown::absent:
        break;
    }
    return "";
}

// Every subset of keys, each agreeing, another tenant's or nobody's: 256 connections with acme's credential.
TEST(RouterRouteKeys, W1_EverySubsetMustNameTheCredentialsTenant)
{
    stage s;
    std::size_t agreed = 0;
    std::size_t refused = 0;
    for (const auto domain : all_ways) {
        for (const auto option : all_ways) {
            for (const auto suffix : all_ways) {
                for (const auto database : all_ways) {
                    const auto sni = domain == shown::absent ? "" : slug_for(domain) + ".example.net";
                    const auto user = "key" + (suffix == shown::absent ? "" : "." + slug_for(suffix));
                    const auto in_options = slug_for(option);
                    const auto in_database = slug_for(database);
                    presented_names names;
                    names.sni = sni;
                    names.option = in_options;
                    names.user = user;
                    names.database = in_database;
                    const auto found = find_route(*s.in, names, "");

                    const auto is_wrong = [](shown how) {
                        return how == shown::of_another || how == shown::of_nobody;
                    };
                    auto wanted = agreement::agrees;
                    if (is_wrong(database)) wanted = agreement::database_unknown;
                    if (is_wrong(domain) || is_wrong(option) || is_wrong(suffix))
                        wanted = agreement::conflict;
                    EXPECT_EQ(agrees_with(found, s.acme.id), wanted)
                        << sni << " " << in_options << " " << user << " " << in_database;
                    (wanted == agreement::agrees ? agreed : refused) += 1;
                }
            }
        }
    }
    EXPECT_EQ(agreed, 16U);
    EXPECT_EQ(refused, 240U);
}

TEST(RouterRouteKeys, W1_ANameOfAnotherAndANameOfNobodyGiveTheSameAnswer)
{
    stage s;
    for (const auto* name : {"globex", "initech"}) {
        presented_names by_database;
        by_database.user = "key";
        by_database.database = name;
        EXPECT_EQ(agrees_with(find_route(*s.in, by_database, ""), s.acme.id), agreement::database_unknown);
        presented_names by_option;
        by_option.user = "key";
        by_option.option = name;
        EXPECT_EQ(agrees_with(find_route(*s.in, by_option, ""), s.acme.id), agreement::conflict);
    }
}

TEST(FindRoute, ReadsTheKeysInTheirOrder)
{
    stage s;
    presented_names names;
    names.sni = "ACME.example.net";
    const std::string option = "t_" + s.globex.tid;
    names.option = option;
    names.user = "key-ro.initech";
    names.database = s.acme.placement->database;
    const auto found = find_route(*s.in, names, "");
    ASSERT_EQ(found.keys.size(), 4U);
    EXPECT_EQ(found.keys[0].kind, key_kind::domain);
    EXPECT_EQ(found.keys[0].tenant->id, s.acme.id);
    EXPECT_EQ(found.keys[1].tenant->id, s.globex.id);
    EXPECT_EQ(found.keys[2].tenant, nullptr);
    EXPECT_EQ(found.keys[3].tenant->id, s.acme.id);
    EXPECT_EQ(found.candidate()->id, s.acme.id);
}

TEST(FindRoute, SomeNamesAreNoKeys)
{
    stage s;
    presented_names names;
    names.sni = "router.example.com";  // the router's own
    names.user = "key";
    names.database = "key";  // what libpq sends when nobody named one
    EXPECT_TRUE(find_route(*s.in, names, "Router.example.com:7632").keys.empty());
    names.sni = "127.0.0.1";
    names.database = "";
    EXPECT_TRUE(find_route(*s.in, names, "").keys.empty());
}

TEST(FindRoute, AnIllegalDomainNamesNobody)
{
    stage s;
    presented_names names;
    names.sni = "acme.example.net";
    names.user = "key";
    const auto legal = find_route(*s.in, names, "router.example.com");
    EXPECT_EQ(agrees_with(legal, s.acme.id), agreement::agrees);
    names.sni = "acme .example.net";
    for (const auto* advertised : {"router.example.com", "", "also illegal"}) {
        const auto found = find_route(*s.in, names, advertised);
        ASSERT_EQ(found.keys.size(), 1U);
        EXPECT_EQ(found.keys[0].tenant, nullptr);
        EXPECT_EQ(agrees_with(found, s.acme.id), agreement::conflict);
    }
}

TEST(UserName, SaysItsFormAndNothingOfWhatExists)
{
    const auto id = uuid::random();
    const auto text = to_base62(id) + "-ro.acme";
    const auto full = parse_user_name(text);
    EXPECT_EQ(full.kind, user_name::form::key_id);
    EXPECT_EQ(full.key, key_id(id));
    EXPECT_EQ(full.role, role_class::ro);
    EXPECT_EQ(full.tenant_key, "acme");

    EXPECT_EQ(parse_user_name("key").kind, user_name::form::key);
    EXPECT_EQ(parse_user_name("ticket.t_aaaaaaaaaa").kind, user_name::form::ticket);
    EXPECT_EQ(parse_user_name("postgres").kind, user_name::form::unknown);
    EXPECT_EQ(parse_user_name("key-root").kind, user_name::form::unknown);
    EXPECT_EQ(parse_user_name("").kind, user_name::form::unknown);
    EXPECT_EQ(parse_user_name("zzzzzzzzzzzzzzzzzzzzzz").kind, user_name::form::unknown);  // above 128 bits
}

}  // namespace
}  // namespace leasehold::router
