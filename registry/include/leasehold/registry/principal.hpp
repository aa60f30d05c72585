#pragma once

#include <leasehold/base/ids.hpp>

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace leasehold::database {
class transaction;
}  // namespace leasehold::database

namespace leasehold::registry {

// Who acts, as the audit trail names him.
struct principal
{
    std::string name;        // "key:<id>", "host:<id>", "system:<part>", "os:<user>"
    std::string request_id;  // empty: none
    std::string source_ip;   // empty: none

    static principal system(std::string part);
};

// Appends to the audit chain, in the transaction of the change it records. Call it last: it takes the chain's
// head lock. `detail` is a JSON object without secrets.
void append_audit(
    database::transaction& tx,
    const principal& who,
    std::string_view action,
    std::optional<tenant_id> tenant,
    std::string_view target,
    const nlohmann::json& detail,
    std::string_view outcome = "ok"
);

// The only way to name a tenant in a function that serves one: made by authentication from a verified
// credential, or by an operation for the tenant it was started for.
class tenant_scope
{
public:
    class pass_key
    {
        pass_key() = default;
        friend class scope_maker;
    };
    tenant_scope(const pass_key&, const tenant_id& tenant) : tenant_(tenant) {}
    [[nodiscard]] const tenant_id& id() const noexcept { return tenant_; }

private:
    tenant_id tenant_;
};

// Derive from it to make scopes: authentication and the operation runner do, and nobody else.
class scope_maker
{
protected:
    static tenant_scope scope_of(const tenant_id& tenant) { return {tenant_scope::pass_key{}, tenant}; }
};

}  // namespace leasehold::registry
