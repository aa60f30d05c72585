#include "servers/server_passwords.hpp"

#include <gtest/gtest.h>

namespace leasehold::control_plane::servers {
namespace {

vault_client::kv_entry entry_of(const std::map<std::string, std::string>& texts)
{
    vault_client::kv_entry entry;
    for (const auto& [name, text] : texts) entry.data.emplace(name, secret<std::string>(text));
    entry.version = 7;
    return entry;
}

std::map<std::string, std::string> texts_of(const server_passwords& from)
{
    std::map<std::string, std::string> texts;
    for (const auto& [name, password] : from.entry()) texts.emplace(name, password.reveal());
    return texts;
}

TEST(ServerPasswords, AreMadeOnceAndTakenUpAgain)
{
    server_passwords first(std::nullopt, false);
    EXPECT_EQ(first.version(), 0);
    ASSERT_NE(first.broker(), nullptr);
    EXPECT_NE(first.broker()->reveal(), first.provisioner().reveal());
    EXPECT_EQ(texts_of(first).size(), 2U);

    const server_passwords again(entry_of(texts_of(first)), false);
    EXPECT_EQ(texts_of(again), texts_of(first));
    EXPECT_EQ(again.version(), 7);
}

TEST(ServerPasswords, TheNewerOneOfTheProvisionerCounts)
{
    server_passwords of(entry_of({{"current", "old"}, {"next", "new"}}), true);
    EXPECT_EQ(of.provisioner().reveal(), "new");
    of.promote();
    EXPECT_EQ(texts_of(of), (std::map<std::string, std::string>{{"current", "new"}}));
    of.promote();
    EXPECT_EQ(of.provisioner().reveal(), "new");
}

// It may have changed it already: the kept one is neither tried nor set again, and goes in the end.
TEST(ServerPasswords, OnceTheBrokerWasToldItsPasswordIsItsOwn)
{
    server_passwords of(entry_of({{"current", "a"}, {"broker", "b"}}), true);
    EXPECT_EQ(of.broker(), nullptr);
    EXPECT_FALSE(of.verifiers().broker);
    EXPECT_EQ(of.entry().count("broker"), 1U);
    of.forget_broker();
    EXPECT_EQ(texts_of(of), (std::map<std::string, std::string>{{"current", "a"}}));
}

TEST(ServerPasswords, PostgresqlLearnsVerifiersAlone)
{
    const server_passwords of(entry_of({{"next", "clear-p"}, {"broker", "clear-b"}}), false);
    const auto script = bootstrap_script(of.verifiers());
    EXPECT_EQ(script.find("clear-"), std::string::npos);
    EXPECT_NE(script.find("SCRAM-SHA-256$4096:"), std::string::npos);
    EXPECT_NE(script.find("\\connect leasehold_base"), std::string::npos);
}

}  // namespace
}  // namespace leasehold::control_plane::servers
