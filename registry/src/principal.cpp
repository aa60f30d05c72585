#include "columns.hpp"

#include <leasehold/database/session.hpp>
#include <leasehold/registry/principal.hpp>

namespace leasehold::registry {
namespace {

using database::query;

constexpr query append{"audit_append", R"(
    select public.registry_append_audit($1, $2, $3::uuid, $4, $5, $6::inet, $7, $8::jsonb))"};

}  // namespace

principal principal::system(std::string part)
{
    return {.name = "system:" + part, .request_id = {}, .source_ip = {}};
}

void append_audit(
    database::transaction& tx,
    const principal& who,
    std::string_view action,
    std::optional<tenant_id> tenant,
    std::string_view target,
    const nlohmann::json& detail,
    std::string_view outcome
)
{
    tx.get_one(
        append,
        who.name,
        action,
        tenant,
        target,
        text_or_null(who.request_id),
        text_or_null(who.source_ip),
        outcome,
        detail.dump()
    );
}

}  // namespace leasehold::registry
