#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/license.hpp>

#include <optional>
#include <string>

namespace leasehold::cli {

// What the registry knows of the license.
struct license_facts
{
    std::string installation;
    std::optional<std::string> document;
    std::optional<std::int64_t> tenants;
};

// Thrown where multi-tenant work is refused; text() is what people see. kind unlicensed, code license_*.
class license_refused : public error
{
public:
    license_refused(const license_refusal& why, std::string text);
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

// The file and the registry's row; of those that verify, the one that ends later. Else why none does (the
// file's reason, where there is a file).
license_result find_license(const config& values, bool development, const license_facts& known);

// The same, or throws license_refused after the one log line `license.refused`.
verified_license require_license(const config& values, bool development, const license_facts& known);

}  // namespace leasehold::cli
