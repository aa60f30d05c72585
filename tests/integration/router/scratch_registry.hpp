#pragma once

#include "scratch_folder.hpp"
#include "stack.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/database/session.hpp>

#include <memory>
#include <string>

namespace leasehold::router::test {

// A registry of a test's own: a database with the whole chain, and a login for a router. Both go at the end.
class scratch_registry
{
public:
    explicit scratch_registry(const leasehold::test::scratch_folder& folder);
    ~scratch_registry();
    scratch_registry(const scratch_registry&) = delete;
    scratch_registry& operator=(const scratch_registry&) = delete;

    [[nodiscard]] registry_config config() const;
    [[nodiscard]] const installation_id& installation() const noexcept { return installation_; }
    [[nodiscard]] const std::string& database() const noexcept { return database_.name(); }

    // As superuser, one statement, committed when it returns.
    void run(const std::string& sql);
    std::vector<database::row> rows(const std::string& sql);
    [[nodiscard]] std::string quote(const std::string& text) const { return session_->quote_literal(text); }

private:
    const leasehold::test::stack_server& server_;
    leasehold::test::scratch_database database_;
    std::unique_ptr<database::session> session_;
    std::string login_;
    path password_file_;
    installation_id installation_;
};

}  // namespace leasehold::router::test
