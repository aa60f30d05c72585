#include "router_stage.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <list>
#include <thread>

namespace leasehold::router::test {
namespace {

using namespace std::chrono_literals;
using leasehold::test::eventually;

// One client that writes and reads, transaction after transaction, until it is told to stop. Nothing is
// repeated: the first error is its end.
class busy_client
{
public:
    busy_client(const router_stage& s, const test_tenant& tenant)
        : where_(s.client(tenant))
        , slug_(tenant.slug)
        , thread_([this] { work(); })
    {}
    busy_client(const busy_client&) = delete;
    busy_client& operator=(const busy_client&) = delete;
    ~busy_client() { stop(); }

    // What it saw of an error: "" for none.
    std::string stop()
    {
        is_stopping_ = true;
        if (thread_.joinable()) thread_.join();
        return error_;
    }
    [[nodiscard]] bool has_failed() const { return has_failed_; }
    [[nodiscard]] std::uint64_t transactions() const { return transactions_; }

private:
    void work()
    {
        try {
            const auto session = database::connect(where_);
            while (!is_stopping_) {
                session->in_transaction([&](database::transaction& tx) {
                    tx.run_script("insert into notes (text) values ('" + slug_ + "')");
                });
                const auto seen = first_text(*session, "select text from notes order by id desc limit 1");
                if (seen != slug_) throw std::runtime_error("saw " + seen);
                ++transactions_;
            }
        } catch (const std::exception& why) {
            error_ = why.what();
            has_failed_ = true;
        }
    }

    database::endpoint where_;
    std::string slug_;
    std::string error_;
    std::atomic<bool> is_stopping_ = false;
    std::atomic<bool> has_failed_ = false;
    std::atomic<std::uint64_t> transactions_ = 0;
    std::thread thread_;
};

// Leases of 20 s, until each tenant's was replaced three times. With LEASEHOLD_LEASE_MINUTES=5 in the
// environment of the test program: leases of 60 s, for five minutes.
std::chrono::minutes asked_minutes()
{
    const char* text = std::getenv("LEASEHOLD_LEASE_MINUTES");           // NOLINT(concurrency-mt-unsafe)
    return std::chrono::minutes(text == nullptr ? 0 : std::atoi(text));  // NOLINT(cert-err34-c)
}

TEST(RouterLeaseEnd, W8_LeasesThatEndUnderTwentyClientsCostNobodyAnError)
{
    const auto minutes = asked_minutes();
    const auto term = minutes.count() > 0 ? 60s : 20s;
    router_stage s(15, {term, term});
    s.start();
    std::list<busy_client> clients;
    for (int i = 0; i < 10; ++i) {
        clients.emplace_back(s, s.acme);
        clients.emplace_back(s, s.globex);
    }
    const auto watch = database::connect(s.postgres.superuser_endpoint());
    const auto began = std::chrono::steady_clock::now();
    const auto is_over = [&] {
        const auto overdue = watch->run_plain_rows(
            "select a.usename from pg_stat_activity a join pg_roles r on r.oid = a.usesysid "
            "where a.usename like 'lease\\_%' and r.rolvaliduntil < now()"
        );
        EXPECT_TRUE(overdue.empty()) << "a session is older than its lease";
        for (const auto& one : clients) {
            if (one.has_failed()) return true;
        }
        if (minutes.count() > 0) return std::chrono::steady_clock::now() - began > minutes;
        return s.proxy.seen("database/creds/rw_" + s.acme.tid) >= 4 &&
               s.proxy.seen("database/creds/rw_" + s.globex.tid) >= 4;
    };
    EXPECT_TRUE(eventually(is_over, minutes + 100s));
    std::uint64_t transactions = 0;
    for (auto& one : clients) {
        EXPECT_EQ(one.stop(), "");
        EXPECT_GT(one.transactions(), 0U);
        transactions += one.transactions();
    }
    const auto issued = s.proxy.seen("database/creds/");
    RecordProperty("transactions", std::to_string(transactions));
    RecordProperty("leases", std::to_string(issued));
    // Each that was replaced was given back.
    EXPECT_GE(s.proxy.seen("leases/revoke"), issued - 4);
    EXPECT_TRUE(eventually([&] {
        return s.server.logins_of(s.acme.id) <= 2 && s.server.logins_of(s.globex.id) <= 2;
    }));
}

TEST(RouterLeaseEnd, W8_APinnedSessionsLeaseIsRenewedAsLongAsItLasts)
{
    router_stage s(17, {12s, 3600s});
    s.start();
    const auto pinned = database::connect(s.client(s.acme));
    pinned->run_plain("listen a");
    const auto backend = first_text(*pinned, "select pg_backend_pid()");
    // It does nothing more. Twice its term at least:
    EXPECT_TRUE(eventually([&] { return s.proxy.seen("leases/renew") >= 5; }, 100s));
    EXPECT_EQ(first_text(*pinned, "select pg_backend_pid()"), backend);
    EXPECT_EQ(s.proxy.seen("database/creds/"), 1);
    // Beside it, a tenant that only came by has no lease any more.
    EXPECT_EQ(sqlstate_of_login(s.client(s.globex)), "");
    EXPECT_EQ(s.server.logins_of(s.globex.id), 1);
    EXPECT_TRUE(eventually([&] { return s.server.logins_of(s.globex.id) == 0; }, 60s));
    EXPECT_EQ(first_text(*pinned, "select pg_backend_pid()"), backend);
}

TEST(RouterLeaseEnd, W8_APinnedSessionOfALeaseThatCannotLiveLongerIsToldAndThenCut)
{
    router_stage s(15, {20s, 20s});
    s.start();
    busy_client other(s, s.acme);
    // A late cancel may hit the second query too: psql must have one more to ask when the end comes.
    const auto told = s.psql(
        s.acme,
        s.acme.key,
        "listen a' -c 'select pg_sleep(60)' -c 'select pg_sleep(60)' -c 'select pg_sleep(60)"
    );
    const auto notice = told.find("code=lease_ending");
    ASSERT_NE(notice, std::string::npos) << told;
    EXPECT_NE(told.find("57014", notice), std::string::npos) << told;  // the query that runs is cancelled
    const auto end = told.find("FATAL:  57P01", notice);
    ASSERT_NE(end, std::string::npos) << told;
    EXPECT_NE(told.find("code=lease_ended", end), std::string::npos) << told;
    EXPECT_EQ(other.stop(), "");  // who is not pinned goes over
    const auto again = database::connect(s.client(s.acme));
    EXPECT_EQ(first_text(*again, "select distinct text from notes"), "acme");
}

}  // namespace
}  // namespace leasehold::router::test
