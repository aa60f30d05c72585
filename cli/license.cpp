#include "api.hpp"
#include "command.hpp"
#include "failure.hpp"
#include "installation_facts.hpp"
#include "local_config.hpp"
#include "output.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/database/pool.hpp>
#include <leasehold/registry/connection.hpp>
#include <leasehold/registry/installation.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <pwd.h>
#include <unistd.h>

namespace leasehold::cli {
namespace {

using nlohmann::json;

constexpr std::size_t largest_file = std::size_t{32} << 10U;

registry::principal operator_of_this_machine()
{
    const auto* account = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe): a command of one thread
    registry::principal who;
    who.name = fmt::format("os:{}", account != nullptr ? account->pw_name : std::to_string(::geteuid()));
    return who;
}

// The signed claims as they stand in the document; only of one that was verified.
json claims_of(const std::string& document)
{
    const auto first = document.find('.');
    const auto second = document.find('.', first + 1);
    return json::parse(crypto::from_base64url(document.substr(first + 1, second - first - 1)).value_or("{}"));
}

json report_of(const license_result& result)
{
    json report;
    const license_claims* claims = nullptr;
    if (const auto* good = std::get_if<verified_license>(&result)) {
        claims = &good->claims();
        report["state"] = to_text(license_state_of(*claims, real_clock().wall()));
        report["development"] = good->is_development();
    } else {
        const auto& why = std::get<license_refusal>(result);
        report["state"] = "none";
        report["code"] = why.code;
        report["why"] = why.why;
        if (why.claims) claims = &*why.claims;
    }
    if (claims == nullptr) return report;
    report["id"] = claims->id;
    report["customer"] = claims->customer;
    report["tier"] = to_text(claims->tier);
    report["features"] = claims->features;
    report["not_before"] = to_rfc3339(claims->not_before);
    report["ends_at"] = to_rfc3339(claims->ends_at);
    report["grace_days"] = claims->grace_days;
    report["max_tenants"] = claims->max_tenants;
    report["max_hosts"] = claims->max_hosts;
    if (claims->updates_until) report["updates_until"] = to_rfc3339(*claims->updates_until);
    if (claims->installation) report["installation"] = *claims->installation;
    return report;
}

// A license can be read without its registry; only what the registry adds is missing then.
license_facts facts_if_reachable(const invocation& how, const config& values)
{
    try {
        return load_installation(values).license;
    } catch (const error& failed) {
        note(how, fmt::format("the registry was not asked: {}", failed.detail()));
        return {};
    }
}

int show(const invocation& how, const std::string& file)
{
    const auto values = load_local_config(how).values;
    const auto known = facts_if_reachable(how, values);
    const auto result = file.empty() ? find_license(values, how.development, known)
                                     : verify_license(
                                           load_file(file, largest_file),
                                           license_keys::compiled_in(how.development),
                                           real_clock().wall(),
                                           known.installation
                                       );
    auto report = report_of(result);
    if (known.tenants) report["tenants"] = *known.tenants;
    if (how.json) {
        print_json(report);
    } else {
        print_members(
            report,
            {"state",
             "code",
             "why",
             "id",
             "customer",
             "tier",
             "features",
             "not_before",
             "ends_at",
             "grace_days",
             "max_tenants",
             "max_hosts",
             "updates_until",
             "installation",
             "development",
             "tenants"}
        );
    }
    return std::holds_alternative<verified_license>(result) ? 0 : 1;
}

int install(const invocation& how, const std::string& file)
{
    const auto values = load_local_config(how).values;
    const auto known = load_installation(values).license;
    const auto document = load_file(file, largest_file);
    const auto result = verify_license(
        document, license_keys::compiled_in(how.development), real_clock().wall(), known.installation
    );
    if (const auto* refused = std::get_if<license_refusal>(&result)) {
        throw error(error_kind::unlicensed, refused->code, fmt::format("{} {}", file, refused->why));
    }
    store_file(values.license.file, document);
    database::pool pool(registry::endpoint_of(values.registry, values.registry.control_plane), 1, 8);
    registry::installation store(pool);
    run(store.store_license(operator_of_this_machine(), document, claims_of(document)));
    pool.join();
    const auto report = report_of(result);
    if (how.json) {
        print_json(report);
    } else {
        print(fmt::format(
            "license {} of {} installed, good until {}",
            cell(report, "id"),
            cell(report, "customer"),
            cell(report, "ends_at")
        ));
    }
    return 0;
}

struct issuing
{
    std::string key_file;
    std::string claims_file;
    std::string out;
    std::optional<std::string> kid;
};

// The name under which this build knows the key, where it knows it.
std::string name_of_key(const std::string& pem)
{
    const auto pair = crypto::ed25519_from_pem(pem);
    for (const auto& known : license_keys::compiled_in(true).keys) {
        if (known.public_key == pair.public_key) return known.id;
    }
    throw usage_error("this program does not know the key: name it with --kid");
}

bool is_development_key(const std::string& name)
{
    for (const auto& known : license_keys::compiled_in(true).keys) {
        if (known.id == name) return known.development;
    }
    return false;
}

int issue(const invocation& how, const issuing& what)
{
    auto pem = load_file(what.key_file, largest_file);
    const auto kid = what.kid ? *what.kid : name_of_key(pem);
    if (!is_development_key(kid)) load_secret_file(what.key_file);  // refuses one that others may read
    const auto document = issue_license(load_file(what.claims_file, largest_file), pem, kid);
    wipe(pem);
    if (what.out == "-") {
        print(document);
    } else {
        store_file(what.out, document + "\n");
        note(how, fmt::format("signed with key {}, written to {}", kid, what.out));
    }
    return 0;
}

}  // namespace

// The license file of this installation.
void declare_license(command& at, const invocation& how)
{
    const auto file = std::make_shared<std::string>();
    auto& showing = at.sub("show", "claims and state of a file, or of what is installed");
    showing.optional_argument("FILE", *file, "license file (default: the installed one)");
    showing.runs([&how, file] { return show(how, *file); });

    auto& installing = at.sub("install", "verify, then write license.file and the registry");
    installing.argument("FILE", *file, "license file");
    installing.runs([&how, file] { return install(how, *file); });

    const auto what = std::make_shared<issuing>();
    auto& signing = at.sub("issue", "sign claims; no private key is in this program");
    signing.option("--key", what->key_file, "Ed25519 private key (PEM, PKCS#8)");
    signing.option("--claims", what->claims_file, "JSON file with the claims");
    signing.option("--out", what->out, "file for the license, or - for the standard output");
    signing.option("--kid", what->kid, "name of the key (default: the name this build knows it by)");
    for (const auto* needed : {"--key", "--claims", "--out"}) signing.require(needed);
    signing.runs([&how, what] { return issue(how, *what); });
}

}  // namespace leasehold::cli
