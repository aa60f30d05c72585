#include "servers/policies.hpp"

#include <gtest/gtest.h>

#include <map>
#include <regex>

namespace leasehold::control_plane::servers {
namespace {

// Path to capabilities, of a policy's text.
std::map<std::string, std::string> paths_of(const std::string& text)
{
    std::map<std::string, std::string> found;
    const std::regex line(R"re(path "([^"]+)" \{ capabilities = \[([^\]]*)\] \})re");
    for (std::sregex_iterator at(text.begin(), text.end(), line), end; at != end; ++at)
        found[(*at)[1]] = (*at)[2];
    return found;
}

TEST(RouterPolicy, ReadsCredentialsOfItsClassesAlone)
{
    const auto paths = paths_of(router_policy({}));
    for (const char* prefix : {"rw_", "ro_", "support_", "ddl_"}) {
        EXPECT_EQ(paths.at("database/creds/" + std::string(prefix) + "*"), R"("read")");
    }
    EXPECT_EQ(paths.count("database/creds/migrate_*"), 0U);
    EXPECT_EQ(paths.count("database/creds/*"), 0U);
    for (const auto& [path, capabilities] : paths) {
        EXPECT_EQ(path.find("/roles"), std::string::npos) << path;
        EXPECT_EQ(path.find("/config"), std::string::npos) << path;
        EXPECT_EQ(path.find("secret/"), std::string::npos) << path;
        EXPECT_EQ(path.find("prefix"), std::string::npos) << path;
        EXPECT_EQ(capabilities.find("sudo"), std::string::npos) << path;
        EXPECT_EQ(path.find('{'), std::string::npos) << path;
    }
}

TEST(ProvisionerPolicy, WritesRolesAndReadsNoConfig)
{
    const auto paths = paths_of(provisioner_policy({}));
    EXPECT_EQ(paths.at("database/roles/migrate_*"), R"("create", "read", "update", "delete")");
    EXPECT_EQ(paths.at("database/creds/migrate_*"), R"("read")");
    for (const auto& [path, capabilities] : paths) {
        EXPECT_EQ(path.find("database/config"), std::string::npos) << path;
        EXPECT_EQ(path.find("database/rotate"), std::string::npos) << path;
        EXPECT_EQ(path.find("sys/policies"), std::string::npos) << path;
        EXPECT_EQ(path.find("sys/mounts"), std::string::npos) << path;
    }
    // Its own passwords and nothing else of the store.
    EXPECT_EQ(paths.count("secret/data/leasehold/servers/*"), 1U);
    EXPECT_EQ(paths.count("secret/data/*"), 0U);
}

TEST(Policies, BothCanKeepTheirToken)
{
    for (const auto& text : {router_policy({}), provisioner_policy({})}) {
        const auto paths = paths_of(text);
        for (const char* path :
             {"auth/token/lookup-self", "auth/token/renew-self", "auth/token/revoke-self"}) {
            EXPECT_EQ(paths.count(path), 1U) << path;
        }
    }
}

TEST(Policies, FollowTheMounts)
{
    vault_client::broker_mounts at;
    at.database = "pg";
    at.kv = "kv";
    at.transit = "keys";
    EXPECT_EQ(paths_of(router_policy(at)).count("pg/creds/rw_*"), 1U);
    EXPECT_EQ(router_policy(at).find("database/"), std::string::npos);
    EXPECT_EQ(paths_of(provisioner_policy(at)).count("kv/data/leasehold/servers/*"), 1U);
    EXPECT_EQ(paths_of(provisioner_policy(at)).count("keys/sign/leasehold-receipts"), 1U);
}

}  // namespace
}  // namespace leasehold::control_plane::servers
