#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/license.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>

namespace leasehold {
namespace {

using nlohmann::json;
using std::chrono::seconds;

std::string development_pem()
{
    std::ifstream in(LEASEHOLD_SOURCE_FOLDER "/deploy/dev/license-key.pem");
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

wall_time at(const char* text)
{
    return parse_rfc3339(text).value();
}

std::int64_t epoch(const char* text)
{
    return std::chrono::duration_cast<seconds>(at(text).time_since_epoch()).count();
}

json good_claims()
{
    return {
        {"iss", "leasehold"},
        {"aud", "leasehold"},
        {"jti", "8F2K"},
        {"sub", "Example"},
        {"iat", epoch("2026-01-01T00:00:00Z")},
        {"nbf", epoch("2026-01-02T00:00:00Z")},
        {"exp", epoch("2026-11-03T10:00:00Z")},
        {"tier", "MULTITENANT_SAAS"},
        {"max_tenants", 100},
        {"max_hosts", 1000},
    };
}

license_keys development_keys()
{
    auto keys = license_keys::compiled_in(true);
    keys.built_at = at("2026-01-01T00:00:00Z");
    return keys;
}

std::string issue(const json& claims)
{
    return issue_license(claims.dump(), development_pem(), "development");
}

// Signs what issue_license would refuse to.
std::string sign(const std::string& header, const std::string& payload)
{
    const auto pair = crypto::ed25519_from_pem(development_pem());
    const auto text = crypto::to_base64url(header) + "." + crypto::to_base64url(payload);
    return text + "." + crypto::to_base64url(crypto::ed25519_sign(pair.seed.reveal(), text));
}

constexpr const char* header = R"({"alg":"EdDSA","typ":"leasehold-license","kid":"development"})";
const char* const in_time = "2026-06-01T00:00:00Z";

std::string code_of(const license_result& result)
{
    const auto* refused = std::get_if<license_refusal>(&result);
    return refused == nullptr ? "ok" : refused->code;
}

std::string
verify(const std::string& document, const char* when = in_time, std::string_view installation = "home")
{
    return code_of(verify_license(document, development_keys(), at(when), installation));
}

json with(const char* name, const json& value)
{
    auto claims = good_claims();
    claims[name] = value;
    return claims;
}

TEST(License, C4_AGoodLicenseGivesItsClaims)
{
    const auto result = verify_license(issue(good_claims()) + "\n", development_keys(), at(in_time), "");
    const auto* license = std::get_if<verified_license>(&result);
    ASSERT_NE(license, nullptr) << code_of(result);
    EXPECT_TRUE(license->is_development());
    EXPECT_EQ(license->claims().id, "8F2K");
    EXPECT_EQ(license->claims().customer, "Example");
    EXPECT_EQ(license->claims().max_tenants, 100);
    EXPECT_EQ(license->claims().grace_days, 30);
    EXPECT_EQ(license->claims().ends_at, at("2026-11-03T23:59:59Z"));
}

TEST(License, C4_EveryStateByItsClock)
{
    license_claims claims;
    claims.not_before = at("2026-01-02T00:00:00Z");
    claims.ends_at = at("2026-11-03T23:59:59Z");
    claims.grace_days = 30;
    const std::vector<std::pair<const char*, license_state>> clocks{
        {"2026-01-01T23:59:59.999Z", license_state::none},
        {"2026-01-02T00:00:00Z", license_state::ok},
        {"2026-10-04T23:59:58Z", license_state::ok},
        {"2026-10-04T23:59:59Z", license_state::expiring},
        {"2026-11-03T23:59:59Z", license_state::expiring},
        {"2026-11-04T00:00:00Z", license_state::grace},
        {"2026-12-03T23:59:59.999Z", license_state::grace},
        {"2026-12-04T00:00:00Z", license_state::restricted},
        {"2036-01-01T00:00:00Z", license_state::restricted},
    };
    for (const auto& [clock, state] : clocks)
        EXPECT_EQ(to_text(license_state_of(claims, at(clock))), to_text(state)) << clock;
}

TEST(License, C4_EveryCodeByItsClock)
{
    const auto document = issue(good_claims());
    const std::vector<std::pair<const char*, const char*>> clocks{
        {"2026-01-01T23:59:59Z", "license_not_yet_valid"},
        {"2026-01-02T00:00:00Z", "ok"},
        {"2026-11-03T23:59:59Z", "ok"},
        {"2026-11-04T00:00:00Z", "ok"},  // in grace
        {"2026-12-03T23:59:59Z", "ok"},
        {"2026-12-04T00:00:00Z", "license_expired"},
    };
    for (const auto& [clock, code] : clocks) EXPECT_EQ(verify(document, clock), code) << clock;
    EXPECT_EQ(verify(issue(with("grace_days", 0)), "2026-11-04T00:00:00Z"), "license_expired");
    EXPECT_EQ(verify(issue(with("grace_days", 0)), "2026-11-03T23:59:59Z"), "ok");
}

TEST(License, C4_EveryRefusalOfASignedLicense)
{
    EXPECT_EQ(verify(issue(good_claims())), "ok");
    EXPECT_EQ(verify(issue(with("tier", "ENTERPRISE"))), "license_tier");
    EXPECT_EQ(verify(issue(with("tier", "PROFESSIONAL"))), "license_tier");
    EXPECT_EQ(verify(issue(with("installation", "home"))), "ok");
    EXPECT_EQ(verify(issue(with("installation", "away"))), "license_installation");
    EXPECT_EQ(verify(issue(with("updates_until", epoch("2026-01-01T00:00:00Z")))), "ok");
    EXPECT_EQ(verify(issue(with("updates_until", epoch("2025-12-31T00:00:00Z")))), "license_build");
    auto keys = development_keys();
    keys.withdrawn.insert("8F2K");
    EXPECT_EQ(code_of(verify_license(issue(good_claims()), keys, at(in_time), "")), "license_withdrawn");
}

TEST(License, C4_ForgedDocumentsAreRefused)
{
    const auto good = issue(good_claims());
    const auto payload = good_claims().dump();
    ASSERT_EQ(verify(good), "ok");
    ASSERT_EQ(verify(sign(header, payload)), "ok");

    const auto first = good.find('.');
    const auto second = good.find('.', first + 1);
    const auto head = good.substr(0, first);
    const auto signature = good.substr(second + 1);

    // Claims that nobody signed.
    EXPECT_EQ(
        verify(head + "." + crypto::to_base64url(with("max_tenants", 9999).dump()) + "." + signature),
        "license_signature"
    );
    // Headers: other algorithms, types and keys; anything more than the three.
    const std::vector<std::pair<std::string, std::string>> headers{
        {R"({"alg":"none","typ":"leasehold-license","kid":"development"})", "license_malformed"},
        {R"({"alg":"HS256","typ":"leasehold-license","kid":"development"})", "license_malformed"},
        {R"({"alg":"EdDSA","typ":"JWT","kid":"development"})", "license_malformed"},
        {R"({"alg":"EdDSA","typ":"leasehold-license"})", "license_malformed"},
        {R"({"alg":"EdDSA","typ":"leasehold-license","kid":7})", "license_malformed"},
        {R"({"alg":"EdDSA","typ":"leasehold-license","kid":"development","crit":["x"]})",
         "license_malformed"},
        {R"({"alg":"EdDSA","alg":"EdDSA","typ":"leasehold-license","kid":"development"})",
         "license_malformed"},
        {R"({"alg":"EdDSA","typ":"leasehold-license","kid":"other"})", "license_key_unknown"},
        {R"(["EdDSA"])", "license_malformed"},
        {"", "license_malformed"},
    };
    for (const auto& [forged, code] : headers) EXPECT_EQ(verify(sign(forged, payload)), code) << forged;
    // Shape.
    EXPECT_EQ(verify(""), "license_malformed");
    EXPECT_EQ(verify("."), "license_malformed");
    EXPECT_EQ(verify(".."), "license_malformed");
    EXPECT_EQ(verify(good.substr(0, second)), "license_malformed");
    EXPECT_EQ(verify(good.substr(0, second) + "."), "license_signature");
    EXPECT_EQ(verify(good + ".x"), "license_malformed");
    EXPECT_EQ(verify(good + "\nx"), "license_malformed");
    EXPECT_EQ(verify(good + "="), "license_malformed");
    EXPECT_EQ(verify(" " + good), "license_malformed");
    EXPECT_EQ(verify(good + std::string(16384, '\n')), "license_malformed");
    // One changed character of each part.
    for (std::size_t i = 0; i < good.size(); ++i) {
        auto changed = good;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_NE(verify(changed), "ok") << i;
    }
    for (std::size_t i = 0; i < good.size(); ++i) EXPECT_NE(verify(good.substr(0, i)), "ok") << i;
}

TEST(License, C4_SignedNonsenseIsRefused)
{
    ASSERT_EQ(verify(sign(header, good_claims().dump())), "ok");
    EXPECT_EQ(verify(sign(header, "[]")), "license_malformed");
    EXPECT_EQ(verify(sign(header, "{")), "license_malformed");
    const std::vector<std::pair<const char*, json>> wrong{
        {"iss", "other"},
        {"aud", "other"},
        {"jti", ""},
        {"jti", 7},
        {"sub", nullptr},
        {"iat", "now"},
        {"nbf", -1},
        {"exp", 1.5},
        {"exp", 99999999999999},
        {"exp", 18446744073709551615U},
        {"exp", epoch("2025-01-01T00:00:00Z")},
        {"tier", "multitenant_saas"},
        {"tier", 3},
        {"features", "all"},
        {"features", json::array({1})},
        {"max_tenants", -1},
        {"max_hosts", "1"},
        {"grace_days", 91},
        {"grace_days", -1},
        {"installation", 1},
        {"updates_until", "soon"},
    };
    for (const auto& [name, value] : wrong) {
        EXPECT_EQ(verify(sign(header, with(name, value).dump())), "license_malformed")
            << name << " " << value;
        EXPECT_THROW(issue(with(name, value)), error) << name << " " << value;
    }
    for (const auto* needed : {"iss", "aud", "jti", "sub", "iat", "nbf", "exp", "tier"}) {
        auto claims = good_claims();
        claims.erase(needed);
        EXPECT_EQ(verify(sign(header, claims.dump())), "license_malformed") << needed;
    }
    EXPECT_THROW(issue(with("max_tenant", 5)), error);
}

TEST(License, C4_TheDevelopmentKeyCountsOnlyInDevelopment)
{
    const auto document = issue(good_claims());
    EXPECT_EQ(verify(document), "ok");
    auto keys = license_keys::compiled_in(false);
    for (const auto& key : keys.keys) EXPECT_FALSE(key.development);
    EXPECT_EQ(code_of(verify_license(document, keys, at(in_time), "")), "license_key_unknown");
}

TEST(License, C4_AnAbsentLimitIsZero)
{
    auto claims = good_claims();
    claims.erase("max_tenants");
    claims.erase("max_hosts");
    const auto result = verify_license(issue(claims), development_keys(), at(in_time), "");
    ASSERT_EQ(code_of(result), "ok");
    EXPECT_EQ(std::get<verified_license>(result).claims().max_tenants, 0);
    EXPECT_EQ(std::get<verified_license>(result).claims().max_hosts, 0);
}

TEST(License, C5_RefusalTextIsAsPeopleKnowIt)
{
    const auto result =
        verify_license(issue(good_claims()), development_keys(), at("2027-01-01T00:00:00Z"), "");
    const auto* refused = std::get_if<license_refusal>(&result);
    ASSERT_NE(refused, nullptr);
    EXPECT_EQ(
        to_refusal_text(*refused, "/etc/leasehold/license.jws", 212),
        "error: refusing to start in multi-tenant mode: no valid license\n"
        "  why:   /etc/leasehold/license.jws ended 2026-11-03 (grace until 2026-12-03), license 8F2K, tier "
        "MULTITENANT_SAAS\n"
        "  state: 212 tenant databases are untouched; nothing was migrated or routed\n"
        "  fix:   leasehold license install FILE\n"
        "  or:    set multitenancy.enabled: false to run single-tenant on the registry database\n"
        "  help:  docs/errors.md#license_expired   code: license_expired"
    );
}

}  // namespace
}  // namespace leasehold
