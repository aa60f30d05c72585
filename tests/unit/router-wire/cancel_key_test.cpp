#include <leasehold/router/wire/cancel_key.hpp>
#include <leasehold/router/wire/startup.hpp>

#include <gtest/gtest.h>

#include <string>

namespace leasehold::router::wire {
namespace {

TEST(ClientPid, PacksRouterLaneAndSlotWithTheSignBitClear)
{
    for (const std::uint32_t router : {0U, 1U, 255U})
        for (const std::uint32_t lane : {0U, 1U, 63U})
            for (const std::uint32_t slot : {1U, 2U, 131'071U}) {
                const auto pid = client_pid::make(router, lane, slot);
                ASSERT_TRUE(pid);
                EXPECT_EQ(pid->value() >> 31U, 0U);
                EXPECT_EQ(pid->router(), router);
                EXPECT_EQ(pid->lane(), lane);
                EXPECT_EQ(pid->slot(), slot);
                EXPECT_EQ(client_pid::parse(pid->value()), pid);
            }
}

TEST(ClientPid, RefusesPartsOutOfRange)
{
    EXPECT_FALSE(client_pid::make(256, 0, 1));
    EXPECT_FALSE(client_pid::make(0, 64, 1));
    EXPECT_FALSE(client_pid::make(0, 0, 131'072));
    EXPECT_FALSE(client_pid::make(0, 0, 0));
    EXPECT_FALSE(client_pid::parse(0));
    EXPECT_FALSE(client_pid::parse(0x8000'0001U));
}

TEST(ClientKey, MatchesItsOwnBytesOnly)
{
    const auto key = client_key::make();
    auto bytes = key.bytes();
    EXPECT_TRUE(key.matches(bytes));
    for (std::size_t i = 0; i < 4; ++i) {
        auto other = bytes;
        other[i] = static_cast<char>(other[i] ^ 1);
        EXPECT_FALSE(key.matches(other));
    }
    EXPECT_FALSE(key.matches(bytes + "x"));
    EXPECT_FALSE(key.matches(""));
    EXPECT_NE(bytes, client_key::make().bytes());
}

TEST(ServerKey, TravelsInACancelRequest)
{
    EXPECT_FALSE(server_key::parse("abc"));
    EXPECT_FALSE(server_key::parse(std::string(257, 'k')));
    const auto key = server_key::parse(std::string(256, 'k'));
    ASSERT_TRUE(key);
    message_writer out;
    write_cancel(out, {4711}, *key);
    const auto got = startup_parser().next(out.view());
    EXPECT_EQ(std::get<cancel_request>(got).pid, 4711U);
    EXPECT_EQ(std::get<cancel_request>(got).key, key->bytes());
}

}  // namespace
}  // namespace leasehold::router::wire
