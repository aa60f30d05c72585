#include "servers/policies.hpp"

#include <fmt/format.h>

#include <array>

namespace leasehold::control_plane::servers {
namespace {

std::string block(std::string_view path, std::string_view capabilities)
{
    return fmt::format("path \"{}\" {{ capabilities = [{}] }}\n", path, capabilities);
}

// Named one by one, since the identities do not have the default policy: without these every renewal would
// answer 403 and look like a dead token.
std::string token_itself()
{
    return block("auth/token/lookup-self", R"("read")") + block("auth/token/renew-self", R"("update")") +
           block("auth/token/revoke-self", R"("update")") + block("sys/capabilities-self", R"("update")");
}

}  // namespace

std::string router_policy(const vault_client::broker_mounts& at)
{
    std::string text = token_itself();
    // One block per prefix: braces are accepted by the broker, and then match nothing.
    for (const std::string_view prefix : {"rw_", "ro_", "support_", "ddl_"}) {
        text += block(fmt::format("{}/creds/{}*", at.database, prefix), R"("read")");
    }
    text += block("sys/leases/renew", R"("update")");
    text += block("sys/leases/revoke", R"("update")");
    return text;
}

std::string provisioner_policy(const vault_client::broker_mounts& at)
{
    std::string text = token_itself();
    for (const std::string_view prefix : {"rw_", "ro_", "migrate_", "support_", "ddl_"}) {
        text += block(
            fmt::format("{}/roles/{}*", at.database, prefix), R"("create", "read", "update", "delete")"
        );
        text += block(fmt::format("{}/creds/{}*", at.database, prefix), R"("read")");
    }
    text += block(fmt::format("{}/roles", at.database), R"("list")");
    text += block(fmt::format("sys/leases/lookup/{}/creds/*", at.database), R"("list", "sudo")");
    text += block("sys/leases/lookup", R"("update")");
    text += block("sys/leases/renew", R"("update")");
    text += block("sys/leases/revoke", R"("update")");
    text += block(fmt::format("sys/leases/revoke-prefix/{}/creds/*", at.database), R"("update", "sudo")");
    text += block("sys/leases", R"("read", "sudo")");
    text += block("sys/leases/count", R"("read")");
    text += block(fmt::format("{}/keys/leasehold-receipts", at.transit), R"("read")");
    text += block(fmt::format("{}/sign/leasehold-receipts", at.transit), R"("update")");
    text += block(fmt::format("{}/data/leasehold/servers/*", at.kv), R"("create", "read", "update")");
    text += block(fmt::format("{}/metadata/leasehold/servers/*", at.kv), R"("read", "list")");
    return text;
}

}  // namespace leasehold::control_plane::servers
