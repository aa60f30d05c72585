#include <leasehold/router/wire/session_feature.hpp>

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace leasehold::router::wire {
namespace {

session_features all(std::initializer_list<session_feature> list)
{
    session_features sum;
    for (const auto one : list) sum.add(one);
    return sum;
}

// The finding of the whole text, after it was found to be the same cut at every byte.
session_features scan(std::string_view sql)
{
    word_scan whole;
    whole.begin();
    whole.feed(sql);
    whole.finish();
    for (std::size_t cut = 0; cut <= sql.size(); ++cut) {
        word_scan parts;
        parts.begin();
        parts.feed(sql.substr(0, cut));
        parts.feed(sql.substr(cut));
        parts.finish();
        EXPECT_EQ(parts.found(), whole.found()) << sql << " cut at " << cut;
    }
    return whole.found();
}

struct scan_case
{
    const char* sql;
    std::initializer_list<session_feature> found;
};

using f = session_feature;

const scan_case found_cases[] = {
    {"SET search_path = x", {f::set}},
    {"  \n-- say\n/* a /* b */ c */ set TimeZone to 'UTC'", {f::set}},
    {"set session statement_timeout = 0", {f::set}},
    {"set session characteristics as transaction read only", {f::set}},
    {"set my.thing = 1", {f::set}},
    {"set \"Thing\" = 1", {f::set}},
    {"reset all", {f::set}},
    {"begin; set x = 1; commit", {f::set}},
    {"select 1;set x=1", {f::set}},
    {"SET ROLE other", {f::set_role}},
    {"set session authorization default", {f::set_role}},
    {"set session role x", {f::set_role}},
    {"select set_config('a.b', '1', false)", {f::set_config}},
    {"select pg_catalog.\"set_config\"('a', 'b', false)", {f::set_config}},
    {"select/**/set_config/**/('a','b',true)", {f::set_config}},
    {"update pg_catalog.pg_settings set setting = 'x' where name = 'y'", {f::set_config}},
    {"do $$ begin perform 1; end $$", {f::do_block}},
    {"DO LANGUAGE plpgsql 'begin end'", {f::do_block}},
    {"listen jobs", {f::listen}},
    {"select 1; LISTEN jobs", {f::listen}},
    {"load 'auto_explain'", {f::load}},
    {"prepare p as select 1", {f::sql_prepare}},
    {"declare c cursor with hold for select 1", {f::hold_cursor}},
    {"declare c binary scroll cursor WITH/**/HOLD for select 1", {f::hold_cursor}},
    {"select pg_advisory_lock(1)", {f::advisory_lock}},
    {"select pg_try_advisory_lock_shared(1)", {f::advisory_lock}},
    {"create temp table t (a int)", {f::temporary_table}},
    {"CREATE LOCAL TEMPORARY TABLE t (a int)", {f::temporary_table}},
    {"create or replace temp view v as select 1", {f::temporary_table}},
    {"select 1 into temp t", {f::temporary_table}},
    {"create table pg_temp.t (a int)", {f::temporary_table}},
    {"select dblink_connect('x')", {f::session_function}},
    {R"(select U&"set\005fconfig"('a', 'b', false))", {f::session_function}},
    {"set x = 1; listen y; create temp table z ()", {f::set, f::listen, f::temporary_table}},
    // The string may end at either quote: both readings count.
    {R"(select '\'; listen x; --')", {f::listen}},
    {"select E'a'\n'b\\'; listen x; --'", {f::listen}},
    {R"(select '\' /*'; listen x; /*'*/)", {f::listen}},
    // A tag too long to keep.
    {"select $aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa$; listen x; $b$", {f::listen}},
    {"select $1; listen x", {f::listen}},
    {"select a$b$c; listen x; select d$b$e", {f::listen}},
    {"select 1e'x'; listen y", {f::listen}},
};

const scan_case quiet_cases[] = {
    {"", {}},
    {";;;", {}},
    {"select 1", {}},
    {"update t set listen = 1", {}},
    {"insert into t values (1) on conflict do nothing", {}},
    {"set local search_path = x", {}},
    {"SET LOCAL ROLE x", {}},
    {"set transaction isolation level serializable", {}},
    {"set constraints all deferred", {}},
    {"prepare transaction 'x'", {}},
    {"notify jobs", {}},
    {"unlisten *", {}},
    {"discard all", {}},
    {"select 'listen x; set y'", {}},
    {"select 'it''s; listen x'", {}},
    {R"(select E'it\'s; listen x')", {}},
    {R"(select E'\\'; select 'listen')", {}},
    {"select 1 -- ; listen x", {}},
    {"select 1 /* ; listen x /* ; */ ; listen y */", {}},
    {"select $$; listen x;$$", {}},
    {"select $a$; listen x; $b$; listen $ $$ $a$", {}},
    {"select $a$ $a $aa$ $a$", {}},
    {"create function f() returns void language sql as $f$ set x = 1; $f$", {}},
    {"select temp, temporary from sensors", {}},
    {"select t.temp from t", {}},
    {"declare c cursor without hold for select 1", {}},
    {"declare c cursor for select hold from t", {}},
    {"select hold from with_hold", {}},
    {"select pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(2)", {}},
    {"select pg_advisory_unlock(1)", {}},
    {"select my_set_config(1)", {}},
    {"select * from pg_settings", {}},
    {"select 1 + -- x\n 2", {}},
    {"select '\xc3\xa4\xc3\xb6'; select \"\xc3\xbc\"", {}},
    {"set", {}},
};

TEST(WordScan, FindsWhatOutlivesATransaction)
{
    for (const auto& one : found_cases) EXPECT_EQ(scan(one.sql), all(one.found)) << one.sql;
}

TEST(WordScan, LeavesEverythingElseAlone)
{
    for (const auto& one : quiet_cases) EXPECT_FALSE(scan(one.sql).any()) << one.sql;
}

TEST(WordScan, LooksAtTheFirst64KiB)
{
    const auto with = [](std::size_t before) {
        word_scan scanner;
        scanner.begin();
        scanner.feed(std::string(before, ' '));
        scanner.feed("listen x");
        scanner.feed("; set y = 1");
        scanner.finish();
        return scanner.found();
    };
    EXPECT_EQ(with(word_scan::text_max - 19), all({f::listen, f::set}));
    EXPECT_EQ(with(word_scan::text_max - 8), all({f::listen}));
    EXPECT_FALSE(with(word_scan::text_max).any());
}

TEST(WordScan, BeginsAnew)
{
    word_scan scanner;
    scanner.feed("select 'open; listen x");
    scanner.begin();
    scanner.feed("listen x");
    scanner.finish();
    EXPECT_TRUE(scanner.found().has(f::listen));
}

}  // namespace
}  // namespace leasehold::router::wire
