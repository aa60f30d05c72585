#pragma once

#include <leasehold/base/config.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace leasehold::test {

// A certificate authority made on the spot (P-256), with its files in a folder that the caller owns.
class test_authority
{
public:
    test_authority(std::filesystem::path folder, const std::string& name);
    ~test_authority();

    [[nodiscard]] std::string ca_file() const;
    // A server certificate, valid for a day. `names` as OpenSSL has them: "DNS:localhost,IP:127.0.0.1". The
    // files are called after `file`; issuing under the same name replaces them.
    tls_files issue(const std::string& file, const std::string& names, long lifetime_seconds = 86400) const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace leasehold::test
