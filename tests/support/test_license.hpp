#pragma once

#include <leasehold/base/license.hpp>

#include <string>

namespace leasehold::test {

// What verifies licenses in tests: the development key of the source tree.
license_keys test_license_keys();

// A license of tier MULTITENANT_SAAS, valid from 2026-01-02, that ends with the day `days` after `from`
// (grace 30 days).
std::string make_license(wall_time from = std::chrono::system_clock::now(), int days = 365);

// The permission that a verified license is.
multi_tenant
verified_fleet(const std::string& document = make_license(), wall_time at = std::chrono::system_clock::now());

}  // namespace leasehold::test
