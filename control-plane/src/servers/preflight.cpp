#include "servers/preflight.hpp"

#include "servers/names.hpp"
#include "servers/probes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

constexpr query setting{"preflight_setting", "select pg_catalog.current_setting($1, true) as value"};

constexpr query role_facts{"preflight_role", R"(
    select rolsuper, rolcreatedb, rolcreaterole, rolcanlogin from pg_catalog.pg_roles where rolname = $1)"};

constexpr query memberships{"preflight_memberships", R"(
    select coalesce(pg_catalog.string_agg(g.rolname, ', ' order by g.rolname), '') as roles
      from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
      join pg_catalog.pg_roles r on r.oid = m.member
     where r.rolname = $1 and g.rolname !~ '^(lease_|t_[a-z2-7]{10}_)')"};

// PUBLIC is the grantee with oid 0.
constexpr query public_databases{"preflight_public", R"(
    select coalesce(pg_catalog.string_agg(distinct d.datname, ', '), '') as names from pg_catalog.pg_database d,
           pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
     where d.datallowconn and a.grantee = 0 and a.privilege_type in ('CONNECT', 'TEMPORARY'))"};

constexpr query untrusted_languages{"preflight_languages", R"(
    select coalesce(pg_catalog.string_agg(lanname, ', '), '') as names from pg_catalog.pg_language
     where not lanpltrusted and lanname not in ('internal', 'c'))"};

constexpr query foreign_databases{"preflight_foreign_databases", R"(
    select coalesce(pg_catalog.string_agg(datname, ', '), '') as names from pg_catalog.pg_database
     where datname not in ('postgres', 'template0', 'template1') and pg_catalog.pg_get_userbyid(datdba) <> $1)"};

constexpr query other_superusers{"preflight_superusers", R"(
    select coalesce(pg_catalog.string_agg(rolname, ', '), '') as names from pg_catalog.pg_roles
     where rolsuper and rolcanlogin and oid <> 10)"};

constexpr query databases_count{"preflight_databases", "select count(*) as n from pg_catalog.pg_database"};
constexpr query in_recovery{"preflight_recovery", "select pg_catalog.pg_is_in_recovery() as standby"};

class checks
{
public:
    checks(transaction& tx, const std::vector<std::string>& accepted) : tx_(tx), accepted_(accepted) {}

    void add(std::string check, bool ok, weight how, std::string found, std::string want, std::string fix)
    {
        const bool knowingly =
            how == weight::accept && std::find(accepted_.begin(), accepted_.end(), check) != accepted_.end();
        found_.push_back(
            {std::move(check), ok, how, std::move(found), std::move(want), std::move(fix), knowingly}
        );
    }

    std::string value(std::string_view name)
    {
        return tx_.get_one(setting, name).find<std::string>("value").value_or("");
    }
    std::int64_t number(std::string_view name)
    {
        const auto text = value(name);
        return text.empty() ? 0 : std::stoll(text);
    }

    void version(int server_version)
    {
        const auto text = version_text(server_version);
        add("version", server_version >= 150000, weight::refuse, text, "15 or newer", "upgrade the server");
        add("createrole_is_superuser",
            server_version >= 160000,
            weight::accept,
            text,
            "16 or newer",
            "on 15 a CREATEROLE login can take predefined roles: use 16+, or accept it for a server with "
            "nothing else on it");
    }

    void writable()
    {
        const bool standby = tx_.get_one(in_recovery).get<bool>("standby");
        add("writable",
            !standby,
            weight::refuse,
            standby ? "standby" : "primary",
            "primary",
            "name the primary's address");
    }

    void identity(std::string_view role, bool wants_createdb, const std::string& wanted_memberships)
    {
        const auto facts = tx_.find_one(role_facts, role);
        std::string found = "missing";
        bool ok = false;
        if (facts) {
            const auto member_of = tx_.get_one(memberships, role).get<std::string>("roles");
            found = fmt::format(
                "{}{}{}, member of: {}",
                facts->get<bool>("rolsuper") ? "SUPERUSER " : "",
                facts->get<bool>("rolcreatedb") ? "CREATEDB " : "",
                facts->get<bool>("rolcreaterole") ? "CREATEROLE" : "",
                member_of
            );
            ok = !facts->get<bool>("rolsuper") && facts->get<bool>("rolcreaterole") &&
                 facts->get<bool>("rolcanlogin") && facts->get<bool>("rolcreatedb") == wants_createdb &&
                 member_of == wanted_memberships;
        }
        add(fmt::format("identity_{}", role),
            ok,
            weight::refuse,
            std::move(found),
            fmt::format("{}CREATEROLE, member of: {}", wants_createdb ? "CREATEDB " : "", wanted_memberships),
            "repeat provision-bootstrap for this server");
    }

    void none(std::string check, const query& what, weight how, std::string fix)
    {
        auto names = tx_.get_one(what).get<std::string>("names");
        const bool ok = names.empty();
        add(std::move(check), ok, how, ok ? "none" : std::move(names), "none", std::move(fix));
    }

    std::vector<finding> take() { return std::move(found_); }
    transaction& tx() { return tx_; }

private:
    transaction& tx_;
    const std::vector<std::string>& accepted_;
    std::vector<finding> found_;
};

std::int64_t usable(checks& of)
{
    return of.number("max_connections") - of.number("superuser_reserved_connections") -
           of.number("reserved_connections");
}

}  // namespace

std::string version_text(int server_version)
{
    return fmt::format("{}.{}", server_version / 10000, server_version % 10000);
}

std::int64_t usable_connections(database::session& maintenance)
{
    std::int64_t found = 0;
    maintenance.in_transaction([&](transaction& tx) {
        const std::vector<std::string> none;
        checks of(tx, none);
        found = usable(of);
    });
    return found;
}

std::vector<finding> run_preflight(
    database::session& maintenance,
    const tried_facts& tried,
    const std::vector<std::string>& accepted,
    std::int64_t connection_budget
)
{
    std::vector<finding> all;
    const int version = maintenance.server_version();
    maintenance.in_transaction([&](transaction& tx) {
        checks of(tx, accepted);
        of.version(version);
        of.writable();
        of.add(
            "plain_login_refused",
            tried.plain_login_refused,
            weight::refuse,
            tried.plain_login_refused ? "refused" : "let in",
            "a login without TLS is refused",
            "only hostssl lines in pg_hba.conf"
        );
        const auto encryption = of.value("password_encryption");
        of.add(
            "password_encryption",
            encryption == "scram-sha-256",
            weight::refuse,
            encryption,
            "scram-sha-256",
            "set password_encryption = 'scram-sha-256'"
        );
        of.identity(provisioner_role, true, "leasehold_template_owner, pg_signal_backend");
        of.identity(broker_role_login, false, "pg_signal_backend");
        of.none(
            "public_connect",
            public_databases,
            weight::refuse,
            "REVOKE CONNECT, TEMPORARY ON DATABASE … FROM PUBLIC for each"
        );
        of.add(
            "leasehold_base",
            tried.base_closed,
            weight::refuse,
            tried.base_closed ? "closed" : "PUBLIC has rights in its schema public",
            "schema public closed to PUBLIC",
            "repeat provision-bootstrap for this server"
        );
        of.add(
            "large_objects_open",
            tried.large_objects_closed,
            weight::accept,
            tried.large_objects_closed ? "closed" : "PUBLIC makes large objects in leasehold_base",
            "lo_create, lo_creat and lo_from_bytea not executable by PUBLIC",
            "repeat provision-bootstrap for this server, or accept it"
        );
        of.add(
            "revocation_cuts",
            tried.revocation_cuts,
            weight::refuse,
            tried.revocation_cuts ? "cut" : "a revoked probe lease was still alive",
            "the session ends and its role is gone",
            "look for what holds lease logins on this server"
        );
        of.none(
            "untrusted_languages",
            untrusted_languages,
            weight::refuse,
            "DROP LANGUAGE: their loops ignore a cut"
        );
        const auto prepared = of.value("max_prepared_transactions");
        of.add(
            "max_prepared_transactions",
            prepared == "0",
            weight::refuse,
            prepared,
            "0",
            "set max_prepared_transactions = 0: a prepared transaction outlives a revocation"
        );
        of.add(
            "lease_network_open",
            !tried.lease_network_open,
            weight::accept,
            tried.lease_network_open ? "a lease logs in from a place that is no router" : "closed",
            "closed",
            "let only routers reach the server, or ask for client certificates; else accept it"
        );
        const auto sync = of.value("recovery_init_sync_method");
        const auto databases = of.tx().get_one(databases_count).get<std::int64_t>("n");
        of.add(
            "recovery_init_sync_method",
            sync == "syncfs",
            databases > 200 ? weight::refuse : weight::warn,
            sync,
            "syncfs",
            "set recovery_init_sync_method = 'syncfs': a restart after a crash reads every file otherwise"
        );
        const auto locks = of.number("max_locks_per_transaction");
        of.add(
            "max_locks_per_transaction",
            locks >= 256,
            weight::warn,
            std::to_string(locks),
            "256 or more",
            "set max_locks_per_transaction = 256"
        );
        const auto temporary = of.value("temp_file_limit");
        of.add(
            "temp_file_limit", temporary != "-1", weight::warn, temporary, "a limit", "set temp_file_limit"
        );
        const auto wal = of.value("wal_level");
        of.add(
            "wal_level",
            wal == "logical",
            weight::warn,
            wal,
            "logical",
            "set wal_level = 'logical' for online moves"
        );
        of.add(
            "connection_budget",
            connection_budget <= usable(of),
            weight::refuse,
            std::to_string(connection_budget),
            fmt::format("at most {}", usable(of)),
            "lower connection_budget, or raise max_connections"
        );
        auto foreign = of.tx().get_one(foreign_databases, provisioner_role).get<std::string>("names");
        of.add(
            "foreign_databases",
            foreign.empty(),
            version >= 160000 ? weight::list : weight::warn,
            foreign.empty() ? "none" : foreign,
            "none",
            "keep nothing else on a tenant server"
        );
        of.none("other_superusers", other_superusers, weight::list, "keep superuser logins few");
        all = of.take();
    });
    return all;
}

std::string state_of(const std::vector<finding>& findings)
{
    for (const auto& one : findings) {
        const bool refuses = one.weight == weight::refuse || (one.weight == weight::accept && !one.accepted);
        if (!one.ok && refuses) return "offline";
    }
    return "active";
}

nlohmann::json to_json(const std::vector<finding>& findings)
{
    nlohmann::json list = nlohmann::json::array();
    for (const auto& one : findings) {
        list.push_back(
            {{"check", one.check},
             {"ok", one.ok},
             {"accepted", one.accepted},
             {"found", one.found},
             {"want", one.want},
             {"fix", one.fix},
             {"refuses", one.weight == weight::refuse || one.weight == weight::accept}}
        );
    }
    return list;
}

bool is_plain_login_refused(const database::endpoint& where)
{
    auto plain = where.clone();
    plain.sslmode = "disable";
    plain.ca_file.clear();
    return is_refused(plain);
}

}  // namespace leasehold::control_plane::servers
