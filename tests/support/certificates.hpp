#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace leasehold::test {

// A certificate authority made on the spot (EC P-256), and what it signs. For tests of certificates that are
// wrong in one way.
class certificate_authority
{
public:
    explicit certificate_authority(const std::string& name);
    ~certificate_authority();
    certificate_authority(const certificate_authority&) = delete;
    certificate_authority& operator=(const certificate_authority&) = delete;

    void write_ca(const std::filesystem::path& to) const;
    // `names`: "IP:127.0.0.1,DNS:localhost". `from_now`: when it ends; negative: it has ended.
    void write_certificate(
        const std::filesystem::path& cert,
        const std::filesystem::path& key,
        const std::string& names,
        std::chrono::hours from_now
    ) const;

private:
    struct impl;
    impl* impl_;
};

}  // namespace leasehold::test
