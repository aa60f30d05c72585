// One list of cases for fake_broker and for OpenBAO: any difference is a bug of the fake. PostgreSQL stands
// behind the real one.
#include "fake_broker.hpp"
#include "fake_clock.hpp"
#include "lane_driver.hpp"
#include "leased_server.hpp"
#include "scratch_broker.hpp"
#include "scratch_folder.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

#include <gtest/gtest.h>

#include <functional>

namespace leasehold::vault_client {
namespace {

using namespace std::chrono_literals;
using test::await;

// A broker with one AppRole, logged in, and one role whose logins can be made: rw of `tenant`, 300 s, at most
// 600 s.
struct candidate
{
    virtual ~candidate() = default;
    virtual broker& at() = 0;
    virtual std::pair<std::string, std::string> approle() = 0;
    virtual void use_token(std::shared_ptr<const secret<std::string>> token)
    {
        at().use_token(std::move(token));
    }
    asio::io_context lane{1};
    tenant_id tenant = tenant_id::random();

    [[nodiscard]] broker_role role() const { return role_of(role_class::rw, tid::of(tenant), 1); }
    token_grant login()
    {
        const auto [role_id, secret_id] = approle();
        const secret<std::string> hidden(secret_id);
        auto grant = await(lane, at().login_approle(mount_name("approle"), role_id, hidden));
        use_token(std::make_shared<const secret<std::string>>(grant.token.clone()));
        return grant;
    }
    template <class T>
    std::string code_of(task<T> work)
    {
        try {
            await(lane, std::move(work));
        } catch (const leasehold::error& why) {
            return why.code();
        }
        return "";
    }
};

struct fake_candidate final : candidate
{
    fake_candidate()
    {
        fake.add_approle("r", "s");
        fake.allow_role(role(), 300s, 600s);
    }
    broker& at() override { return fake; }
    std::pair<std::string, std::string> approle() override { return {"r", "s"}; }
    test::fake_clock clock;
    test::fake_broker fake{clock};
};

struct real_candidate final : candidate
{
    real_candidate()
    {
        tenant = server.add_tenant(300s, 600s);
        const auto setup = real.setup();
        const std::string all =
            R"(path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] })";
        real.run(setup->put_policy(policy_name("all"), all));
        approle_terms terms;
        terms.policies = {"all"};
        terms.token_period = 14400s;
        real.run(setup->put_approle(mount_name("approle"), approle_name("all"), terms));
        role_id = real.run(setup->get_role_id(mount_name("approle"), approle_name("all")));
        secret_id =
            std::string(real.run(setup->make_secret_id(mount_name("approle"), approle_name("all"))).reveal());
        over_http = create_vault_broker(real.settings(), real_clock(), counters);
    }
    ~real_candidate() override { over_http.reset(); }
    broker& at() override { return *over_http; }
    std::pair<std::string, std::string> approle() override { return {role_id, secret_id}; }
    test::scratch_broker real;
    test::leased_server server{real, test::the_stack().with_major(17)};
    metrics counters;
    std::string role_id;
    std::string secret_id;
    std::unique_ptr<broker> over_http;
};

class Conformance : public testing::TestWithParam<const char*>
{
protected:
    void SetUp() override
    {
        if (std::string(GetParam()) == "fake") {
            c = std::make_unique<fake_candidate>();
        } else {
            c = std::make_unique<real_candidate>();
        }
    }
    std::unique_ptr<candidate> c;
};

TEST_P(Conformance, HealthIsAnAnswerWithoutAToken)
{
    const auto report = await(c->lane, c->at().health());
    EXPECT_EQ(report.state, node_state::active);
    EXPECT_EQ(report.version, "2.7.2");
    EXPECT_FALSE(report.cluster_id.empty());
}

TEST_P(Conformance, LoginGivesARenewableServiceToken)
{
    const secret<std::string> wrong("wrong");
    EXPECT_EQ(
        c->code_of(c->at().login_approle(mount_name("approle"), c->approle().first, wrong)),
        "broker_login_refused"
    );
    EXPECT_EQ(c->code_of(c->at().lookup_self()), "broker_token_dead");
    const auto grant = c->login();
    EXPECT_EQ(grant.ttl, 14400s);
    EXPECT_TRUE(grant.renewable);
    EXPECT_TRUE(grant.orphan);
    EXPECT_TRUE(grant.is_service);
    EXPECT_EQ(grant.uses, 0);
    const auto facts = await(c->lane, c->at().lookup_self());
    EXPECT_EQ(facts.period, 14400s);
    EXPECT_TRUE(facts.renewable);
    EXPECT_EQ(await(c->lane, c->at().renew_self(14400s)).duration, 14400s);
    await(c->lane, c->at().revoke_self());
    EXPECT_EQ(c->code_of(c->at().lookup_self()), "broker_token_dead");
}

TEST_P(Conformance, IssueRenewRevoke)
{
    c->login();
    const auto got = await(c->lane, c->at().issue(c->role(), write_index()));
    EXPECT_EQ(got.duration, 300s);
    EXPECT_TRUE(got.renewable);
    EXPECT_FALSE(got.password.empty());
    EXPECT_TRUE(got.username.starts_with(username_prefix(c->role()))) << got.username;
    EXPECT_LE(got.username.size(), 63U);
    EXPECT_EQ(await(c->lane, c->at().renew(got.id, 120s)).duration, 120s);
    const auto capped = await(c->lane, c->at().renew(got.id, 5000s))
                            .duration;  // the role's maximum, from the first second on
    EXPECT_LE(capped, 600s);
    EXPECT_GE(capped, 590s);
    const auto listed = await(c->lane, c->at().list_leases(c->role(), page_start()));
    ASSERT_EQ(listed.items.size(), 1U);
    EXPECT_EQ(listed.items.front(), got.id);
    await(c->lane, c->at().revoke(got.id, completion::done));
    EXPECT_EQ(c->code_of(c->at().renew(got.id, 120s)), "broker_lease_gone");
    await(c->lane, c->at().revoke(got.id, completion::done));  // once more is fine
    EXPECT_TRUE(await(c->lane, c->at().list_leases(c->role(), page_start())).items.empty());
}

TEST_P(Conformance, RevokePrefixTakesOneRoleWhole)
{
    c->login();
    const auto one = await(c->lane, c->at().issue(c->role(), write_index()));
    const auto two = await(c->lane, c->at().issue(c->role(), write_index()));
    EXPECT_NE(one.username, two.username);
    await(c->lane, c->at().revoke_prefix(broker_role("rw_nobody_1"), completion::done));
    EXPECT_EQ(await(c->lane, c->at().list_leases(c->role(), page_start())).items.size(), 2U);
    await(c->lane, c->at().revoke_prefix(c->role(), completion::done));
    EXPECT_TRUE(await(c->lane, c->at().list_leases(c->role(), page_start())).items.empty());
    EXPECT_EQ(c->code_of(c->at().renew(two.id, 120s)), "broker_lease_gone");
    EXPECT_TRUE(await(c->lane, c->at().list_irrevocable()).empty());
}

TEST_P(Conformance, ATokensEndIsItsLeasesEnd)
{
    c->login();
    const auto got = await(c->lane, c->at().issue(c->role(), write_index()));
    await(c->lane, c->at().revoke_self());
    c->login();
    const auto limit = std::chrono::steady_clock::now() + 10s;
    std::string code;
    while (code != "broker_lease_gone" && std::chrono::steady_clock::now() < limit) {
        code = c->code_of(c->at().renew(got.id, 120s));
    }
    EXPECT_EQ(code, "broker_lease_gone");
}

TEST_P(Conformance, RolesAreWrittenReadListedAndDeleted)
{
    c->login();
    const broker_role name("rw_conformance_1");
    EXPECT_FALSE(await(c->lane, c->at().get_role(name)));
    EXPECT_EQ(c->code_of(c->at().issue(name, write_index())), "broker_role_unknown");
    role_terms terms;
    terms.server = config_name("srv-none");
    terms.creation_statements = {"CREATE ROLE \"{{name}}\"", "SELECT 1"};
    terms.revocation_statements = {"DROP ROLE \"{{name}}\""};
    terms.default_ttl = 900s;
    terms.max_ttl = 1800s;
    await(c->lane, c->at().put_role(name, terms));
    const auto read = await(c->lane, c->at().get_role(name));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, terms);
    const auto first = await(c->lane, c->at().list_roles(page_start("", 1)));
    ASSERT_EQ(first.items.size(), 1U);
    ASSERT_TRUE(first.next);
    const auto second = await(c->lane, c->at().list_roles(*first.next));
    ASSERT_EQ(second.items.size(), 1U);
    EXPECT_NE(first.items.front(), second.items.front());
    await(c->lane, c->at().delete_role(name));
    await(c->lane, c->at().delete_role(name));
    EXPECT_FALSE(await(c->lane, c->at().get_role(name)));
    EXPECT_EQ(await(c->lane, c->at().list_roles(page_start())).items.size(), 1U);
}

TEST_P(Conformance, KvChecksItsVersion)
{
    c->login();
    const kv_path where("leasehold/servers/eu-1");
    EXPECT_FALSE(await(c->lane, c->at().get_kv(where)));
    std::map<std::string, secret<std::string>> data;
    data.emplace("password", secret<std::string>("quo\"te\\ \x01 end"));
    EXPECT_EQ(c->code_of(c->at().put_kv(where, data, 5)), "broker_conflict");
    EXPECT_EQ(await(c->lane, c->at().put_kv(where, data, 0)), 1);
    EXPECT_EQ(c->code_of(c->at().put_kv(where, data, 0)), "broker_conflict");
    EXPECT_EQ(await(c->lane, c->at().put_kv(where, data, 1)), 2);
    const auto read = await(c->lane, c->at().get_kv(where));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->version, 2);
    EXPECT_EQ(read->data.at("password").reveal(), "quo\"te\\ \x01 end");
    await(c->lane, c->at().delete_kv(where));
    EXPECT_FALSE(await(c->lane, c->at().get_kv(where)));
}

INSTANTIATE_TEST_SUITE_P(Brokers, Conformance, testing::Values("fake", "openbao"), [](const auto& p) {
    return std::string(p.param);
});

// What only the real one has: set-up by a person with full rights.
TEST(BrokerSetup, MakesWhatLeaseholdNeedsAndReadsItBack)
{
    test::scratch_broker real;
    const auto setup = real.setup();
    const auto mounts = real.run(setup->list_mounts());
    EXPECT_EQ(mounts.at("database/"), "database");
    EXPECT_EQ(mounts.at("secret/"), "kv");
    EXPECT_EQ(real.run(setup->list_auth_methods()).at("approle/"), "approle");
    EXPECT_FALSE(real.run(setup->get_policy(policy_name("p"))));
    const std::string rules = R"(path "database/creds/rw_*" { capabilities = ["read"] })";
    real.run(setup->put_policy(policy_name("p"), rules));
    EXPECT_EQ(real.run(setup->get_policy(policy_name("p"))), rules);
    real.run(setup->make_transit_key(transit_key("leasehold-receipts"), "ed25519"));
    real.run(setup->make_transit_key(transit_key("leasehold-receipts"), "ed25519"));
    const auto root = real.root();
    const auto keys = real.run(root->get_transit_key(transit_key("leasehold-receipts")));
    ASSERT_TRUE(keys);
    EXPECT_EQ(keys->at(1).size(), 44U);
    EXPECT_FALSE(real.run(root->get_transit_key(transit_key("nobody"))));
    EXPECT_TRUE(real.run(setup->list_database_configs()).empty());
    const auto may = real.run(root->capabilities_self({"database/creds/rw_x", "sys/mounts"}));
    EXPECT_EQ(may.at("sys/mounts"), std::vector<std::string>{"root"});
}

TEST(BrokerSetup, RotateRootLeavesThePasswordToTheBrokerAlone)
{
    for (const int major : {15, 17}) {
        test::scratch_broker real;
        test::leased_server server(real, test::the_stack().with_major(major));
        const auto tenant = server.add_tenant(300s, 600s);
        const auto setup = real.setup();
        const config_name name(server.config());
        ASSERT_EQ(real.run(setup->list_database_configs()), std::vector<config_name>{name});
        const auto config = real.run(setup->get_database_config(name));
        ASSERT_TRUE(config);
        EXPECT_EQ(config->allowed_roles, (std::vector<std::string>{"rw_*", "ro_*"}));
        EXPECT_EQ(config->username_template, database_config::default_username_template);
        real.run(setup->rotate_root(name));
        const auto root = real.root();
        const auto got = real.run(root->issue(server.role(tenant), write_index()));  // the new password works
        EXPECT_EQ(server.logins_of(tenant), 1) << major;
        const auto session = database::connect(server.as(tenant, got.username, got.password.reveal()));
        const auto rows = session->run_plain_rows("SELECT current_user::text");
        EXPECT_EQ(rows.at(0)[0].value(), "t_" + tid::of(tenant).text() + "_1_rw");
        real.run(root->revoke_prefix(server.role(tenant), completion::done));
        EXPECT_EQ(server.logins_of(tenant), 0) << major;
        EXPECT_THROW(session->run_plain_rows("SELECT 1"), leasehold::error);  // and its session was cut
    }
}

}  // namespace
}  // namespace leasehold::vault_client
