#pragma once

#include <leasehold/http/message.hpp>
#include <leasehold/vault-client/error.hpp>

#include <string>
#include <string_view>

namespace leasehold::vault_client {

enum class call_kind : std::uint8_t
{
    health,
    login,
    lookup_self,
    renew_self,
    revoke_self,
    capabilities,
    issue,
    renew,
    revoke,
    revoke_prefix,
    list_leases,
    irrevocable,
    role,
    config,
    rotate_root,
    kv,
    transit,
    sys,
    approle,
    seal
};
std::string_view to_text(call_kind value) noexcept;  // label `kind` of metrics

// What classify() must know of the request.
struct asked
{
    call_kind kind = call_kind::sys;
    std::string_view path;
    bool carried_index = false;
};

enum class verdict : std::uint8_t
{
    ok,
    absent,
    redirect,
    failed
};

struct classified
{
    verdict what = verdict::ok;
    failure_report report;  // filled when failed
};

// What an answer means. Pure. Text is matched only where the status is ambiguous. Whether a 200's body is
// what it should be is the decoder's business. A 403 comes out as `forbidden`: only lookup-self can tell the
// two apart.
[[nodiscard]] classified
classify(const asked& request, int status, const http::headers& fields, std::string_view body);

// The broker's errors[] joined, without what could be a credential, printable, at most 1 KiB.
[[nodiscard]] std::string redact(std::string_view text);

}  // namespace leasehold::vault_client
