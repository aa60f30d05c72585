// Compiled by tests/unit/base/license_type_test.cpp, never linked: as it is, it compiles; with one of the
// defines it must not.
#include <leasehold/base/license.hpp>

#include <utility>

using namespace leasehold;

tenancy begin(license_result result);

tenancy begin(license_result result)
{
#if defined(MADE_FROM_CLAIMS)
    return multi_tenant{verified_license(license_claims{}, false)};
#elif defined(MADE_FROM_NOTHING)
    return multi_tenant{};
#elif defined(MADE_FROM_BRACES)
    return multi_tenant{{license_claims{}, true}};
#elif defined(CLAIMS_CHANGED)
    auto* license = std::get_if<verified_license>(&result);
    license->claims().max_tenants = 1'000'000;
    return multi_tenant{std::move(*license)};
#else
    if (auto* license = std::get_if<verified_license>(&result)) return multi_tenant{std::move(*license)};
    return single_tenant{};
#endif
}
