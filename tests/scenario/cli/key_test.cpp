#include "configured.hpp"
#include "eventually.hpp"
#include "installation.hpp"

#include <leasehold/base/credential.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/http/client.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <mutex>
#include <thread>

namespace leasehold::test {
namespace {

using nlohmann::json;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// The whole product with two tenants, each with a key that its applications use.
class Key : public ::testing::Test
{
protected:
    struct tenant
    {
        std::string slug;
        std::string id;
        std::string key;  // its text
    };

    Key()
    {
        acme = make("acme", "eu");
        globex = make("globex", "us");
    }

    json call(std::vector<std::string> arguments) const
    {
        arguments.emplace_back("--json");
        const auto told = here.call(std::move(arguments));
        if (told.exit_code != 0) throw std::runtime_error(told.err);
        return json::parse(told.out, nullptr, false);
    }
    tenant make(const std::string& slug, const std::string& region)
    {
        tenant one;
        one.slug = slug;
        call({"tenant", "create", slug, "--region", region});
        one.id = call({"tenant", "show", slug}).value("id", "");
        const auto file = here / (slug + "-key");
        call({"key", "create", "application", "--tenant", slug, "--role", "write", "--out", file.string()});
        one.key = std::string(load_secret_line(file).reveal());
        return one;
    }

    // Status and code of a question that every key of the tenant may ask.
    std::pair<int, std::string> ask(const tenant& of, const std::string& key) const
    {
        http::request what(http::method::get, "/api/v1/tenants/" + of.id);
        what.fields.set("authorization", "Bearer " + key);
        const auto said = run([](http::origin where, http::request asked) -> task<http::answer> {
            http::client one(std::move(where), http::client_settings());
            auto answered = co_await one.send(std::move(asked));
            co_return answered;
        }(*http::origin::parse(here.api()), std::move(what)));
        const auto body = json::parse(said.body, nullptr, false);
        return {said.status, body.is_object() ? body.value("code", "") : ""};
    }
    database::endpoint client(const tenant& of, const std::string& key) const
    {
        return here.client(of.slug, key);
    }
    // What a login came to: "" or its SQLSTATE.
    std::string log_in(const tenant& of, const std::string& key) const
    {
        try {
            database::connect(client(of, key))->run_plain_rows("select 1");
        } catch (const database::sql_error& refused) {
            return refused.sqlstate();
        }
        return "";
    }

    installation made;
    configured here{made.config()};
    std::unique_ptr<program> serving = here.serve();
    tenant acme;
    tenant globex;
};

// A session with a query under way that ends only when it is cut.
class held_session
{
public:
    explicit held_session(database::endpoint where)
        : session_(database::connect(where))
        , thread_([this] {
            try {
                session_->run_plain_rows("select pg_sleep(90)");
            } catch (const error&) {
                was_cut_ = true;
            }
            at_ = clock::now();
            is_over_ = true;
        })
    {}
    ~held_session() { thread_.join(); }
    [[nodiscard]] bool is_over() const { return is_over_; }
    [[nodiscard]] clock::time_point at() const { return at_; }
    [[nodiscard]] bool was_cut() const { return was_cut_; }

private:
    std::unique_ptr<database::session> session_;
    bool was_cut_ = false;
    clock::time_point at_;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

// The text of a key whose check sum fits what it says.
std::string text_of(credential_type type, const uuid& id, std::string_view secret_part)
{
    const credential whole(type, id, secret<std::string>(std::string(secret_part)));
    return std::string(whole.to_text().reveal());
}

TEST_F(Key, C8_AnAlteredKeyIsRefusedOverHttpAndPostgresqlAlike)
{
    const auto right = *credential::parse(acme.key);
    const auto other = *credential::parse(globex.key);
    const auto nobody = credential::make(credential_type::api, uuid::random());
    const auto mistyped = [](std::string text, std::size_t at) {
        text[at] = text[at] == 'x' ? 'y' : 'x';
        return text;
    };
    const std::vector<std::pair<std::string, std::string>> altered{
        {"prefix", mistyped(acme.key, 4)},
        {"type", text_of(credential_type::enrollment, right.id, right.secret_part.reveal())},
        {"id, mistyped", mistyped(acme.key, 10)},
        {"id of nobody", text_of(credential_type::api, nobody.id, right.secret_part.reveal())},
        {"id of another tenant's", text_of(credential_type::api, other.id, right.secret_part.reveal())},
        {"secret, mistyped", mistyped(acme.key, 40)},
        {"secret of another's", text_of(credential_type::api, right.id, other.secret_part.reveal())},
        {"check", mistyped(acme.key, acme.key.size() - 1)},
        {"cut", acme.key.substr(0, acme.key.size() - 1)},
        {"longer", acme.key + "0"},
    };
    for (const auto& [what, text] : altered) {
        EXPECT_EQ(ask(acme, text), std::pair(401, std::string("key_invalid"))) << what;
        EXPECT_EQ(log_in(acme, text), "28P01") << what;
    }
    EXPECT_EQ(ask(acme, acme.key).first, 200);
    EXPECT_EQ(log_in(acme, acme.key), "");
    EXPECT_EQ(log_in(globex, globex.key), "");
    EXPECT_EQ(ask(globex, acme.key), std::pair(403, std::string("tenant_access_denied")));
    EXPECT_EQ(log_in(globex, acme.key), "3D000");
}

TEST_F(Key, C8_RotatingUnderLoadFailsNoRequestAndTheOldKeyEndsEverywhere)
{
    std::mutex access;
    std::string present = acme.key;
    std::atomic<bool> is_over = false;
    std::atomic<int> good = 0;
    std::vector<std::string> failed;
    std::vector<std::thread> applications;
    for (int i = 0; i < 4; ++i) {
        applications.emplace_back([&] {
            while (!is_over) {
                std::string key;
                {
                    const std::lock_guard hold(access);
                    key = present;
                }
                std::string why;
                try {
                    const auto [status, code] = ask(acme, key);
                    if (status != 200) why = std::to_string(status) + " " + code;
                } catch (const std::exception& lost) {
                    why = lost.what();
                }
                const std::lock_guard hold(access);
                why.empty() ? static_cast<void>(++good) : failed.push_back(why);
            }
        });
    }
    const auto wait_for_more = [&] {
        const int before = good;
        EXPECT_TRUE(eventually([&] { return good > before + 20; }));
    };
    wait_for_more();
    const held_session old_session(client(acme, acme.key));
    const auto neighbour = database::connect(client(globex, globex.key));

    const auto id = credential::parse(acme.key)->id.to_string();
    const auto file = here / "next-key";
    call({"key", "rotate", id, "--tenant", "acme", "--overlap", "8s", "--out", file.string()});
    const auto next = std::string(load_secret_line(file).reveal());
    wait_for_more();  // both are good: applications change over when they come to it
    EXPECT_EQ(ask(acme, next).first, 200);
    EXPECT_EQ(log_in(acme, acme.key), "");
    {
        const std::lock_guard hold(access);
        present = next;
    }
    wait_for_more();
    EXPECT_FALSE(old_session.is_over());

    // The overlap ends.
    EXPECT_TRUE(eventually([&] { return ask(acme, acme.key) == std::pair(401, std::string("key_expired")); })
    );
    const auto refused_at = clock::now();
    EXPECT_TRUE(eventually([&] { return old_session.is_over(); }));
    EXPECT_TRUE(old_session.was_cut());
    EXPECT_LT(old_session.at() - refused_at, 1s);
    EXPECT_EQ(log_in(acme, acme.key), "28000");
    wait_for_more();
    is_over = true;
    for (auto& one : applications) one.join();
    EXPECT_TRUE(failed.empty()) << failed.size() << " of " << good << " failed, first: " << failed.front();

    // The new one is revoked.
    const held_session session(client(acme, next));
    call({"key", "revoke", credential::parse(next)->id.to_string(), "--tenant", "acme"});
    const auto revoked_at = clock::now();
    EXPECT_EQ(ask(acme, next), std::pair(401, std::string("key_revoked")));
    EXPECT_TRUE(eventually([&] { return session.is_over(); }));
    EXPECT_TRUE(session.was_cut());
    EXPECT_LT(session.at() - revoked_at, 1s);
    EXPECT_EQ(log_in(acme, next), "28000");
    EXPECT_EQ(neighbour->run_plain_rows("select 1").size(), 1U);
    EXPECT_EQ(ask(globex, globex.key).first, 200);
}

}  // namespace
}  // namespace leasehold::test
