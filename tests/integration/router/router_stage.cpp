#include "router_stage.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/log.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdio>

namespace leasehold::router::test {

using namespace std::chrono_literals;
using leasehold::test::eventually;

router_stage::router_stage(int major, lease_terms terms)
    : postgres(leasehold::test::the_stack().with_major(major))
    , registry(folder)
    , proxy(broker.url())
    , server(broker, postgres)
    , keys(hmac_keys::make_file_content())
    , socket_path_((folder / ".s.PGSQL.5432").string())
{
    std::signal(SIGPIPE, SIG_IGN);  // as the product does: a client that goes in its handshake raises it
    log::configure(log_level::error, log::form::json);
    add_server();
    acme = add_tenant("acme", terms);
    globex = add_tenant("globex", terms);
    const auto made = server.make_router(folder.path(), {acme.id, globex.id}, 3600s);

    values.registry = registry.config();
    values.multitenancy.enabled = true;
    values.vault.enabled = true;
    values.vault.url = {proxy.url()};
    values.vault.auth.router.method = "approle";
    values.vault.auth.router.role_id_file = folder / (server.config() + "-router-1.role_id");
    values.vault.auth.router.secret_id_file = folder / (server.config() + "-router-1.secret_id");
    address over_tcp{"127.0.0.1", 0, {}};
    address over_unix;
    over_unix.unix_path = socket_path_;
    values.router.listen = {over_tcp, over_unix};
    const auto& certificate = leasehold::test::the_stack().certificate;
    values.router.tls = {certificate.cert_file, certificate.key_file};
    values.router.lanes = 2;
    values.limits.drain_timeout = 1s;
}

router_stage::~router_stage()
{
    running.reset();
}

router_settings router_stage::default_settings()
{
    router_settings settings;
    settings.is_development = true;
    settings.license_signers = leasehold::test::test_license_keys();
    return settings;
}

void router_stage::start(router_settings settings)
{
    running = std::make_unique<router>(leasehold::test::verified_fleet(), values, keys, std::move(settings));
    running->start();
    ASSERT_TRUE(running->wait_loaded(20s));
}

void router_stage::add_server()
{
    registry.run(fmt::format(
        "insert into public.registry_server (id, name, addresses, sslmode, ca, broker_config, "
        "connection_budget, state) "
        "values ('{}', '{}', array['{}:{}'], 'verify-full', {}, '{}', 50, 'active')",
        server_row.to_string(),
        server.config(),
        postgres.host,
        postgres.port,
        registry.quote(load_file(postgres.ca_file)),
        server.config()
    ));
}

test_tenant router_stage::add_tenant(const std::string& slug, const lease_terms& terms)
{
    test_tenant made;
    made.slug = slug;
    made.id = server.add_tenant(terms.term, terms.max_term);
    made.tid = tid::of(made.id).text();
    made.database = "t_" + made.tid + "_1";
    on_server(fmt::format(
        "comment on database {} is 'leasehold/1 {} {} {} 1'",
        made.database,
        registry.installation().to_string(),
        made.id.to_string(),
        made.tid
    ));
    on_server("create table public.notes (id serial primary key, text text)", made.database);
    on_server(fmt::format("insert into public.notes (text) values ('{}')", slug), made.database);
    on_server(
        fmt::format("grant all on all tables in schema public to {0}_rw", made.database), made.database
    );
    on_server(
        fmt::format("grant all on all sequences in schema public to {0}_rw", made.database), made.database
    );
    registry.run(fmt::format(
        "insert into public.registry_tenant (id, tid, slug, name, state) values ('{}', '{}', '{}', '{}', "
        "'active')",
        made.id.to_string(),
        made.tid,
        slug,
        slug
    ));
    registry.run(fmt::format(
        "insert into public.registry_placement (tenant_id, generation, server_id, name, database, state) "
        "values ('{}', 1, '{}', '{}', '{}', 'current')",
        made.id.to_string(),
        server_row.to_string(),
        made.database,
        made.database
    ));
    made.key = add_key(made.id, "write");
    return made;
}

std::string router_stage::psql(
    const test_tenant& tenant, const test_key& key, const std::string& sql, const std::function<void()>& wait
) const
{
    const auto conninfo = fmt::format(
        "host=127.0.0.1 port={} user={} dbname={} sslmode=verify-full sslrootcert={}",
        port(),
        key.user(),
        tenant.slug,
        leasehold::test::the_stack().ca_file.string()
    );
    return psql_at(conninfo, key, sql, wait);
}

std::string router_stage::psql_at(
    const std::string& conninfo,
    const test_key& key,
    const std::string& sql,
    const std::function<void()>& wait
) const
{
    const auto passwords = folder / (crypto::to_hex(crypto::random_bytes(4)) + ".pgpass");
    create_secret_file(passwords, fmt::format("*:*:*:*:{}\n", key.text));
    const auto command = fmt::format(
        "PGPASSFILE={} exec {}/psql -X -At -v VERBOSITY=verbose '{}' -c '{}' 2>&1",
        passwords.string(),
        postgres.bin_dir.string(),
        conninfo,
        sql
    );
    std::string output;
    std::array<char, 512> piece{};
    FILE* out = ::popen(command.c_str(), "r");
    if (out == nullptr) return "popen failed";
    if (wait) {
        wait();
    } else {
        while (::fgets(piece.data(), piece.size(), out) != nullptr) output += piece.data();
    }
    ::pclose(out);
    return output;
}

test_key router_stage::add_key(const tenant_id& tenant, const std::string& role)
{
    test_key made;
    made.id = key_id::random();
    const auto whole = credential::make(credential_type::api, made.id.value());
    made.text = std::string(whole.to_text().reveal());
    registry.run(fmt::format(
        "insert into public.registry_api_key (id, tenant_id, role, name, secret_hmac, postgres, "
        "scram_verifier, "
        "created_by) values ('{}', '{}', '{}', 'test', {}, true, {}, 'test')",
        made.id.to_string(),
        tenant.to_string(),
        role,
        registry.quote(keys.stored_form(whole.secret_part.reveal())),
        registry.quote(crypto::make_scram_verifier(made.text, 4096))
    ));
    return made;
}

void router_stage::set_state(const test_tenant& tenant, const std::string& state)
{
    registry.run(fmt::format(
        "update public.registry_tenant set state = '{}' where id = '{}'", state, tenant.id.to_string()
    ));
}

void router_stage::revoke(const test_key& key)
{
    registry.run(
        "update public.registry_api_key set revoked_at = now() where id = '" + key.id.to_string() + "'"
    );
}

database::endpoint router_stage::client(const test_tenant& tenant, const test_key& key) const
{
    database::endpoint where;
    where.hosts.emplace_back("127.0.0.1", port());
    where.database = tenant.slug;
    where.user = key.user();
    where.password = secret<std::string>(key.text);
    where.ca_file = leasehold::test::the_stack().ca_file.string();
    where.application_name = "a client";
    where.search_path = "public";
    where.connect_timeout = 15s;
    where.statement_timeout = 60s;
    return where;
}

int router_stage::backends_of(const test_tenant& tenant) const
{
    const auto session = database::connect(postgres.superuser_endpoint());
    const auto rows = session->run_plain_rows(fmt::format(
        "select count(*) from pg_stat_activity where usename like 'lease\\_%\\_{}\\_%'", tenant.tid
    ));
    return std::stoi(rows.at(0)[0].value());
}

int router_stage::audited(const std::string& action)
{
    const auto rows = registry.rows(
        "select count(*) from public.registry_audit_event where action = " + registry.quote(action)
    );
    return std::stoi(rows.at(0)[0].value());
}

void router_stage::wait_applied()
{
    const auto newest =
        registry.rows("select coalesce(max(id), 0) from public.registry_change").at(0)[0].value();
    ASSERT_TRUE(eventually([&] {
        return registry
                   .rows(
                       "select 1 from public.registry_router where applied_change >= " + newest +
                       " and role = 'router'"
                   )
                   .size() == 1;
    }));
}

void router_stage::on_server(const std::string& sql, const std::string& database) const
{
    database::connect(postgres.superuser_endpoint(database))->run_plain(sql);
}

std::string sqlstate_of_login(const database::endpoint& where)
{
    try {
        database::connect(where);
    } catch (const database::sql_error& refused) {
        return refused.sqlstate();
    } catch (const error& refused) {
        return refused.what();
    }
    return "";
}

std::string error_of_login(const database::endpoint& where)
{
    try {
        database::connect(where);
    } catch (const error& refused) {
        return refused.what();
    }
    return "";
}

std::string sqlstate_of(database::session& session, const std::string& sql)
{
    try {
        session.run_plain_rows(sql);
    } catch (const database::sql_error& refused) {
        return refused.sqlstate();
    } catch (const error& refused) {
        return refused.what();
    }
    return "";
}

std::string first_text(database::session& session, const std::string& sql)
{
    return session.run_plain_rows(sql).at(0)[0].value();
}

}  // namespace leasehold::router::test
