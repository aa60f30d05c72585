#include "test_license.hpp"

#include <leasehold/base/file.hpp>

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace leasehold::test {
namespace {

std::int64_t epoch(wall_time at)
{
    return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

wall_time parse(const char* text)
{
    return parse_rfc3339(text).value();
}

}  // namespace

license_keys test_license_keys()
{
    auto keys = license_keys::compiled_in(true);
    keys.built_at = parse("2026-01-01T00:00:00Z");
    return keys;
}

std::string make_license(wall_time from, int days)
{
    const nlohmann::json claims{
        {"iss", "leasehold"},
        {"aud", "leasehold"},
        {"jti", "TEST"},
        {"sub", "Tests"},
        {"iat", epoch(parse("2026-01-01T00:00:00Z"))},
        {"nbf", epoch(parse("2026-01-02T00:00:00Z"))},
        {"exp", epoch(from + std::chrono::hours(24 * days))},
        {"tier", "MULTITENANT_SAAS"},
        {"grace_days", 30},
        {"max_tenants", 1000},
        {"max_hosts", 10000},
    };
    const auto pem = load_file(std::string(LEASEHOLD_SOURCE_FOLDER) + "/deploy/dev/license-key.pem");
    return issue_license(claims.dump(), pem, "development");
}

multi_tenant verified_fleet(const std::string& document, wall_time at)
{
    const auto result = verify_license(document, test_license_keys(), at, "");
    if (const auto* verified = std::get_if<verified_license>(&result)) return multi_tenant{*verified};
    throw std::runtime_error("the test's license does not verify: " + std::get<license_refusal>(result).why);
}

}  // namespace leasehold::test
