#include <leasehold/router/ticket.hpp>

#include <gtest/gtest.h>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;

ticket make_ticket(wall_time now)
{
    ticket made;
    made.tenant = tenant_id::random();
    made.role = role_class::rw;
    made.principal = "key:1234";
    made.request_id = "request-7";
    made.ends_at = now + 30s;
    return made;
}

TEST(Ticket, OpensAsItWasSealed)
{
    const hmac_keys keys(hmac_keys::make_file_content());
    const auto now = std::chrono::floor<std::chrono::milliseconds>(wall_time::clock::now());
    const auto made = make_ticket(now);
    const auto text = seal_ticket(made, keys);
    const auto opened = open_ticket(text.reveal(), keys, now);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->tenant, made.tenant);
    EXPECT_EQ(opened->role, made.role);
    EXPECT_EQ(opened->principal, made.principal);
    EXPECT_EQ(opened->request_id, made.request_id);
    EXPECT_EQ(opened->ends_at, made.ends_at);
}

TEST(Ticket, IsRefusedWhenAlteredForeignEndedOrTooLong)
{
    const hmac_keys keys(hmac_keys::make_file_content());
    const hmac_keys others(hmac_keys::make_file_content());
    const auto now = wall_time::clock::now();
    auto made = make_ticket(now);
    const auto text = std::string(seal_ticket(made, keys).reveal());
    ASSERT_TRUE(open_ticket(text, keys, now));
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto altered = text;
        altered[at] = altered[at] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(open_ticket(altered, keys, now)) << at;
        EXPECT_FALSE(open_ticket(text.substr(0, at), keys, now)) << at;
    }
    EXPECT_FALSE(open_ticket(text, others, now));
    EXPECT_FALSE(open_ticket(text, keys, now + 31s));
    made.ends_at = now + 61s;
    EXPECT_FALSE(open_ticket(seal_ticket(made, keys).reveal(), keys, now));
    made = make_ticket(now);
    made.role = role_class::migrate;
    EXPECT_FALSE(open_ticket(seal_ticket(made, keys).reveal(), keys, now));
}

TEST(Ticket, OfThePreviousKeyOpensWhileTheKeyIsReplaced)
{
    const std::string old_line = std::string(64, '1') + "\n";
    const std::string new_line = std::string(64, '2') + "\n";
    const hmac_keys old_keys(secret<std::string>{old_line});
    const hmac_keys both(secret<std::string>(new_line + old_line));
    const hmac_keys new_keys(secret<std::string>{new_line});
    const auto now = wall_time::clock::now();
    const auto made = make_ticket(now);
    EXPECT_TRUE(open_ticket(seal_ticket(made, old_keys).reveal(), both, now));
    EXPECT_TRUE(open_ticket(seal_ticket(made, both).reveal(), new_keys, now));
    EXPECT_FALSE(open_ticket(seal_ticket(made, both).reveal(), old_keys, now));
    EXPECT_FALSE(open_ticket(seal_ticket(made, old_keys).reveal(), new_keys, now));
}

}  // namespace
}  // namespace leasehold::router
