#include "api.hpp"
#include "command.hpp"
#include "failure.hpp"
#include "output.hpp"
#include "tenant_choice.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/config_value.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/ids.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

using nlohmann::json;

// The tenant's keys, or with --platform those of the installation.
std::string path_of(api& server, const invocation& how, bool platform)
{
    if (platform) return "/keys";
    return "/tenants/" + choose_tenant(server, how).id + "/keys";
}

int list(const invocation& how, bool platform)
{
    api server(how);
    const auto all = server.list(path_of(server, how, platform));
    if (how.json) {
        print_json(all);
        return 0;
    }
    table rows({"id", "name", "role", "postgres", "user", "expires", "last used", "revoked"});
    for (const auto& one : all.at("items")) {
        rows.add(
            {cell(one, "id"),
             cell(one, "name"),
             cell(one, "role"),
             cell(one, "postgres"),
             cell(one, "user"),
             cell(one, "expires_at"),
             cell(one, "last_used_at"),
             cell(one, "revoked_at")}
        );
    }
    print(rows.to_text());
    return 0;
}

void tell(const invocation& how, json made, const secret_output& out)
{
    out.take(made, "key");
    if (how.json) {
        print_json(made);
        return;
    }
    note(how, fmt::format("key {} of role {}", cell(made, "id"), cell(made, "role")));
    if (cell(made, "user") != "-") note(how, fmt::format("PostgreSQL user {}", cell(made, "user")));
    if (out.is_file()) {
        note(how, fmt::format("written to {}", out.file()));
    } else {
        print(made.at("key").get_ref<const std::string&>());
    }
}

struct wish
{
    std::string name;
    std::optional<std::string> role;
    std::optional<std::string> expires;  // RFC 3339, or a duration from now
    bool no_postgres = false;
    bool platform = false;
    std::optional<std::string> out;
    std::optional<std::chrono::milliseconds> overlap;
    std::string id;
};

std::string to_end(const std::string& text)
{
    if (parse_rfc3339(text)) return text;
    milliseconds life{0};
    const auto bad = read_value(parse_scalar(text), life);
    if (bad || life.count() == 0) {
        throw usage_error(fmt::format("--expires {} is neither a time (RFC 3339) nor 30m, 12h, 90d", text));
    }
    return to_rfc3339(real_clock().wall() + life);
}

int create(const invocation& how, const wish& what)
{
    const secret_output out(what.out);
    api server(how);
    json body{{"name", what.name}};
    if (what.role) body["role"] = *what.role;
    if (what.expires) body["expires_at"] = to_end(*what.expires);
    if (what.no_postgres) body["postgres"] = false;
    tell(how, json::parse(server.post(path_of(server, how, what.platform), body)), out);
    return 0;
}

int rotate(const invocation& how, const wish& what)
{
    const secret_output out(what.out);
    api server(how);
    json body = json::object();
    if (what.overlap)
        body["overlap_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(*what.overlap).count();
    const auto path = path_of(server, how, what.platform) + "/" + encode_query(what.id) + "/rotate";
    tell(how, json::parse(server.post(path, body)), out);
    return 0;
}

int revoke(const invocation& how, const wish& what)
{
    api server(how);
    server.del(path_of(server, how, what.platform) + "/" + encode_query(what.id));
    if (!how.json) print("revoked");
    return 0;
}

// Offline: a key for control_plane.bootstrap.supplied_key_file.
int generate(const std::string& out)
{
    const auto made = credential::make(credential_type::api, key_id::random().value());
    auto text = std::string(made.to_text().reveal()) + "\n";
    if (out == "-") {
        text.pop_back();
        print(text);
    } else {
        create_secret_file(out, text);
    }
    wipe(text);
    return 0;
}

}  // namespace

// API keys: of a tenant, or with --platform of the installation.
void declare_key(command& at, const invocation& how)
{
    const auto what = std::make_shared<wish>();
    const auto names_platform = [&](command& to) {
        to.flag("--platform", what->platform, "a key of the installation, of no tenant");
    };
    const auto takes_out = [&](command& to) {
        to.option("--out", what->out, "file for the key (0600), or - for the standard output");
    };

    auto& listing = at.sub("list", "all keys, without their secrets");
    names_platform(listing);
    listing.runs([&how, what] { return list(how, what->platform); });

    auto& making = at.sub("create", "a new key; its text is shown once");
    making.argument("NAME", what->name, "what it is for");
    making.option(
        "--role",
        what->role,
        "read, write, admin; with --platform auditor, operator, owner (default: the least)"
    );
    making.option("--expires", what->expires, "a time (RFC 3339), or 30m, 12h, 90d from now");
    making.flag("--no-postgres", what->no_postgres, "not usable as a PostgreSQL login");
    names_platform(making);
    takes_out(making);
    making.runs([&how, what] { return create(how, *what); });

    auto& rotating = at.sub("rotate", "a new key in place of another, which ends after the overlap");
    rotating.argument("ID", what->id, "id of the key to replace");
    rotating.option("--overlap", what->overlap, "how long the old one is still good: 0s to 7d (default: 1h)");
    names_platform(rotating);
    takes_out(rotating);
    rotating.runs([&how, what] { return rotate(how, *what); });

    auto& revoking = at.sub("revoke", "refused everywhere from now on; its sessions are cut");
    revoking.argument("ID", what->id, "its id");
    names_platform(revoking);
    revoking.runs([&how, what] { return revoke(how, *what); });

    const auto out = std::make_shared<std::string>();
    auto& generating =
        at.sub("generate", "make a key offline, for control_plane.bootstrap.supplied_key_file");
    generating.option("--out", *out, "file for the key (0600), or - for the standard output");
    generating.require("--out");
    generating.runs([out] { return generate(*out); });
}

}  // namespace leasehold::cli
