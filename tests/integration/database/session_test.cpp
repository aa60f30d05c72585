// Sessions on real servers, PostgreSQL 15 and 17.
#include "stack.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/database/session.hpp>

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace leasehold::database {
namespace {

using test::scratch_database;
using test::the_stack;

const query echo{"test_echo", "select $1::text as text, $2::int as number, $3::timestamptz as at"};
const query make_table{"test_make_table", "create table public.things(id int primary key, name text)"};
const query add_thing{"test_add_thing", "insert into public.things(id, name) values ($1, $2)"};
const query all_things{"test_all_things", "select id, name from public.things order by id"};
const query one_thing{"test_one_thing", "select name from public.things where id = $1"};

template <class Error = error>
std::optional<Error> thrown_by(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Error& e) {
        return e;
    }
    return std::nullopt;
}

std::string code_thrown_by(const std::function<void()>& call)
{
    const auto why = thrown_by(call);
    return why ? why->code() : "nothing was thrown";
}

class Session : public testing::TestWithParam<int>
{
protected:
    scratch_database database{the_stack().with_major(GetParam()), "session"};
    std::unique_ptr<session> open = connect(database.endpoint());

    std::string text_of(const std::string& sql)
    {
        return open->run_plain_rows(sql).at(0)[0].value_or("NULL");
    }
    void make_things()
    {
        open->in_transaction([](transaction& tx) {
            tx.change(make_table);
            tx.change(add_thing, 1, "one");
            tx.change(add_thing, 2, std::optional<std::string>());
        });
    }
};

TEST_P(Session, PassesParametersAndGivesValues)
{
    const std::string odd = "a'b\"c\\d\n\xc3\xa4";
    const auto at = *parse_rfc3339("2026-11-03T09:15:00.250017Z");
    open->in_transaction([&](transaction& tx) {
        const auto row = tx.get_one(echo, odd, std::nullopt, at);
        EXPECT_EQ(row.get<std::string>("text"), odd);
        EXPECT_EQ(row.find<int>("number"), std::nullopt);
        EXPECT_EQ(row.get<wall_time>("at"), at);
    });
}

TEST_P(Session, CommitsAndRollsBack)
{
    make_things();
    const auto why = thrown_by([&] {
        open->in_transaction([](transaction& tx) {
            tx.change(add_thing, 3, "three");
            throw error(error_kind::conflict, "changed_mind", "no");
        });
    });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code(), "changed_mind");
    open->in_transaction([](transaction& tx) {
        EXPECT_EQ(tx.find_all(all_things).size(), 2U);
        EXPECT_EQ(tx.get_one(one_thing, 1).get<std::string>("name"), "one");
        EXPECT_EQ(tx.find_one(one_thing, 9).has_value(), false);
    });
}

TEST_P(Session, CountsRowsThatAreTooManyOrMissing)
{
    make_things();
    open->in_transaction([](transaction& tx) {
        EXPECT_EQ(code_thrown_by([&] { (void)tx.find_one(all_things); }), "row_unexpected");
        EXPECT_EQ(code_thrown_by([&] { (void)tx.get_one(one_thing, 9); }), "row_missing");
    });
}

TEST_P(Session, AnErrorHasItsKindAndQuotesNoValue)
{
    make_things();
    const auto why = thrown_by<sql_error>([&] {
        open->in_transaction([](transaction& tx) { tx.change(add_thing, 1, "a-value"); });
    });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->kind(), error_kind::conflict);
    EXPECT_EQ(why->sqlstate(), "23505");
    const std::string what = why->what();
    EXPECT_NE(what.find("test_add_thing"), std::string::npos) << what;
    EXPECT_NE(what.find("things_pkey"), std::string::npos) << what;
    EXPECT_EQ(what.find("(id)=(1)"), std::string::npos) << what;
    EXPECT_EQ(what.find("a-value"), std::string::npos) << what;
    EXPECT_FALSE(open->is_lost());
}

TEST_P(Session, AStatementInAnErrorIsNotQuotedEither)
{
    const auto why =
        thrown_by<sql_error>([&] { open->run_plain("create role x login password 'a-secret' nonsense"); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->sqlstate(), "42601");
    EXPECT_EQ(std::string(why->what()).find("a-secret"), std::string::npos) << why->what();
}

TEST_P(Session, APassedOverFailureDoesNotCommitByMistake)
{
    make_things();
    const auto why = thrown_by([&] {
        open->in_transaction([](transaction& tx) {
            tx.change(add_thing, 3, "three");
            EXPECT_TRUE(thrown_by([&] { tx.change(add_thing, 1, "again"); }));
        });
    });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code(), "transaction_aborted");
    open->in_transaction([](transaction& tx) { EXPECT_EQ(tx.find_all(all_things).size(), 2U); });
}

TEST_P(Session, RefusesAZeroByteInsteadOfCuttingTheText)
{
    open->in_transaction([&](transaction& tx) {
        const std::string cut("ab\0cd", 5);
        EXPECT_EQ(code_thrown_by([&] { (void)tx.get_one(echo, cut, 1, std::nullopt); }), "text_malformed");
        EXPECT_EQ(code_thrown_by([&] { tx.run_script(cut); }), "text_malformed");
        EXPECT_EQ(code_thrown_by([&] { (void)tx.quote_literal(cut); }), "text_malformed");
        EXPECT_EQ(tx.get_one(echo, "abcd", 1, std::nullopt).get<std::string>("text"), "abcd");
    });
}

TEST_P(Session, StartsWithItsSettings)
{
    EXPECT_EQ(text_of("show search_path"), "pg_catalog, pg_temp");
    EXPECT_EQ(text_of("show statement_timeout"), "10s");
    EXPECT_EQ(text_of("show lock_timeout"), "2s");
    EXPECT_EQ(text_of("show idle_in_transaction_session_timeout"), "1min");
    EXPECT_EQ(text_of("show client_encoding"), "UTF8");
    EXPECT_EQ(text_of("show application_name"), "leasehold test");
    EXPECT_EQ(text_of("select ssl::text from pg_stat_ssl where pid = pg_backend_pid()"), "true");
    auto where = database.endpoint();
    where.search_path = R"("a \b", public)";
    where.statement_timeout = std::chrono::milliseconds(0);
    open = connect(where);
    EXPECT_EQ(text_of("show search_path"), R"("a \b", public)");
    EXPECT_EQ(text_of("show statement_timeout"), "0");
    EXPECT_EQ(open->server_version() / 10000, GetParam());
    EXPECT_EQ(text_of("select pg_backend_pid()"), std::to_string(open->backend_pid()));
}

TEST_P(Session, QuotesIdentifiersAndLiterals)
{
    const std::string odd = "a\"b'c\\d; drop";
    open->in_transaction([&](transaction& tx) {
        const auto rows = tx.run_rows("select " + tx.quote_literal(odd) + " as " + tx.quote_identifier(odd));
        EXPECT_EQ(rows.at(0).get<std::string>(odd), odd);
    });
}

TEST_P(Session, RunsScriptsAndKeepsNotices)
{
    open->in_transaction([](transaction& tx) {
        tx.run_script("create table public.a(x int); create table public.b(x int);"
                      "do $$ begin raise notice 'hello %', 7; raise warning 'careful'; end $$");
    });
    const auto notices = open->take_notices();
    ASSERT_EQ(notices.size(), 2U);
    EXPECT_EQ(notices[0], "NOTICE:  hello 7");
    EXPECT_EQ(notices[1], "WARNING:  careful");
    EXPECT_TRUE(open->take_notices().empty());
    EXPECT_EQ(text_of("select count(*) from pg_class where relname in ('a', 'b')"), "2");
}

TEST_P(Session, RunsPlainStatementsOutsideATransaction)
{
    const auto super = connect(database.superuser_endpoint());
    const auto name = super->quote_identifier(database.name() + "_two");
    super->run_plain("create database " + name + " allow_connections false");
    super->run_plain("drop database " + name);
}

TEST_P(Session, ATimeoutIsATimeout)
{
    auto where = database.endpoint();
    where.statement_timeout = std::chrono::milliseconds(50);
    open = connect(where);
    const auto why = thrown_by([&] { open->run_plain_rows("select pg_sleep(60)"); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->kind(), error_kind::timeout);
    EXPECT_FALSE(open->is_lost());
}

TEST_P(Session, ALostConnectionStaysLost)
{
    const auto super = connect(database.superuser_endpoint());
    EXPECT_EQ(text_of("select 1"), "1");
    super->run_plain_rows("select pg_terminate_backend(" + std::to_string(open->backend_pid()) + ", 10000)");
    for (int i = 0; i < 3; ++i) {
        const auto why = thrown_by([&] { text_of("select 1"); });
        ASSERT_TRUE(why) << i;
        EXPECT_EQ(why->kind(), error_kind::unavailable) << why->what();
        EXPECT_EQ(why->code(), "database_unavailable") << why->what();
        EXPECT_TRUE(open->is_lost());
        EXPECT_TRUE(thrown_by([&] { open->in_transaction([](transaction&) {}); }));
    }
}

TEST_P(Session, AConnectionLostInTheTransactionIsUnavailable)
{
    const auto super = connect(database.superuser_endpoint());
    const auto why = thrown_by([&] {
        open->in_transaction([&](transaction& tx) {
            super->run_plain_rows(
                "select pg_terminate_backend(" + std::to_string(open->backend_pid()) + ", 10000)"
            );
            (void)tx.run_rows("select 1");
        });
    });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code(), "database_unavailable") << why->what();
}

TEST_P(Session, AConnectionLostAtTheCommitIsInDoubt)
{
    const auto super = connect(database.superuser_endpoint());
    const auto why = thrown_by([&] {
        open->in_transaction([&](transaction&) {
            super->run_plain_rows(
                "select pg_terminate_backend(" + std::to_string(open->backend_pid()) + ", 10000)"
            );
        });
    });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code(), "database_commit_in_doubt") << why->what();
    EXPECT_EQ(why->kind(), error_kind::unavailable);
}

TEST_P(Session, AChangedStatementOfTheSameNameIsPreparedAnew)
{
    const query first{"test_changing", "select 1 as x"};
    const query second{"test_changing", "select 2 as x"};
    open->in_transaction([&](transaction& tx) {
        EXPECT_EQ(tx.get_one(first).get<int>("x"), 1);
        EXPECT_EQ(tx.get_one(second).get<int>("x"), 2);
        EXPECT_EQ(tx.get_one(first).get<int>("x"), 1);
    });
}

INSTANTIATE_TEST_SUITE_P(Servers, Session, testing::Values(15, 17), [](const auto& param) {
    return "Postgres" + std::to_string(param.param);
});

class Connect : public testing::Test
{
protected:
    scratch_database database{the_stack().server("registry"), "connect"};
};

TEST_F(Connect, AWrongPasswordIsRefusedAndNotShown)
{
    ASSERT_NE(connect(database.endpoint()), nullptr);
    auto where = database.endpoint();
    where.password = secret<std::string>("a-wrong-password");
    const auto why = thrown_by<sql_error>([&] { (void)connect(where); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->kind(), error_kind::unauthenticated);
    EXPECT_EQ(why->code(), "database_login_refused");
    EXPECT_EQ(why->sqlstate(), "28P01");
    EXPECT_EQ(std::string(why->what()).find("a-wrong-password"), std::string::npos) << why->what();
}

TEST_F(Connect, APasswordThatIsNotThereIsNamed)
{
    ASSERT_NE(connect(database.endpoint()), nullptr);
    auto where = database.endpoint();
    where.password = {};
    const auto why = thrown_by<error>([&] { (void)connect(where); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->kind(), error_kind::unauthenticated);
    EXPECT_EQ(why->code(), "database_password_missing");
}

TEST_F(Connect, AMissingDatabaseIsUnavailableWithItsSqlstate)
{
    auto where = database.endpoint();
    where.database = "nowhere_" + database.name();
    const auto why = thrown_by<sql_error>([&] { (void)connect(where); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code(), "database_unavailable");
    EXPECT_EQ(why->sqlstate(), "3D000");
}

TEST_F(Connect, ACertificateOfAnotherNameIsRefused)
{
    auto where = database.endpoint();
    where.hosts = {{"127.0.0.2", where.hosts[0].second}};
    const auto why = thrown_by([&] { (void)connect(where); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code(), "database_unavailable") << why->what();
}

TEST_F(Connect, AnUnknownAuthorityIsRefused)
{
    auto where = database.endpoint();
    where.ca_file = "/etc/ssl/certs/ca-certificates.crt";
    const auto why = thrown_by([&] { (void)connect(where); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code(), "database_unavailable");
    EXPECT_NE(std::string(why->what()).find("certificate"), std::string::npos) << why->what();
}

// Listens and never answers.
class silent_listener
{
public:
    silent_listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const plain = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        if (::bind(socket_, plain, size) != 0 || ::listen(socket_, 8) != 0 ||
            ::getsockname(socket_, plain, &size) != 0) {
            ADD_FAILURE() << "no listener";
        }
        port_ = ntohs(address.sin_port);
    }
    ~silent_listener() { ::close(socket_); }
    silent_listener(const silent_listener&) = delete;
    silent_listener& operator=(const silent_listener&) = delete;
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

private:
    int socket_;
    std::uint16_t port_ = 0;
};

TEST_F(Connect, AServerThatDoesNotAnswerCostsTheTimeoutAndNoMore)
{
    const silent_listener silent;
    auto where = database.endpoint();
    where.hosts = {{"127.0.0.1", silent.port()}};
    where.connect_timeout = std::chrono::milliseconds(200);
    const auto begin = std::chrono::steady_clock::now();
    const auto why = thrown_by([&] { (void)connect(where); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code(), "database_unavailable");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(Connect, TheNextHostIsTriedWhenOneIsAway)
{
    const silent_listener silent;
    auto where = database.endpoint();
    where.hosts.insert(where.hosts.begin(), {"127.0.0.1", silent.port()});
    where.connect_timeout = std::chrono::seconds(10);
    EXPECT_NE(connect(where), nullptr);
}

TEST_F(Connect, AReadOnlyServerIsPassedOver)
{
    const auto super = connect(database.superuser_endpoint());
    super->run_plain(
        "alter database " + super->quote_identifier(database.name()) +
        " set default_transaction_read_only = on"
    );
    auto where = database.endpoint();
    const auto why = thrown_by([&] { (void)connect(where); });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code(), "database_unavailable");
    where.any_server = true;
    EXPECT_NE(connect(where), nullptr);
}

}  // namespace
}  // namespace leasehold::database
