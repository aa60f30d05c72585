#include "directory/tables.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/router/directory.hpp>

namespace leasehold::router {
namespace {

// The names under which a tenant is found, taken away where they were the old record's and given to the new
// one.
void rename(
    std::map<std::string, std::optional<tenant_id>>& changes,
    const std::string* old_name,
    const std::string* new_name,
    const tenant_id& who
)
{
    // A name that another tenant took in the same batch stays that tenant's.
    if (old_name != nullptr && (new_name == nullptr || *old_name != *new_name)) {
        changes.try_emplace(*old_name, std::nullopt);
    }
    if (new_name != nullptr) changes.insert_or_assign(*new_name, who);
}

const std::string* database_of(const tenant_record* tenant)
{
    return tenant != nullptr && tenant->placement ? &tenant->placement->database : nullptr;
}

}  // namespace

directory_keeper::directory_keeper(std::string domain_suffix) : domain_suffix_(std::move(domain_suffix)) {}
directory_keeper::~directory_keeper() = default;

directory_ptr directory_keeper::replace(directory_change all)
{
    current_ = nullptr;
    return apply(std::move(all));
}

directory_ptr directory_keeper::put(directory_change change)
{
    auto next = current_ ? std::make_unique<directory::tables>(*current_->tables_)
                         : std::make_unique<directory::tables>();
    const auto old_tenants = next->tenants;
    next->domain_suffix = domain_suffix_;
    if (!change.installation.is_nil()) next->installation = change.installation;
    next->applied_change = change.applied_change;

    std::map<std::string, std::optional<tenant_id>> slugs;
    std::map<std::string, std::optional<tenant_id>> tids;
    std::map<std::string, std::optional<tenant_id>> databases;
    for (const auto& [id, now] : change.tenants) {
        const auto* before = old_tenants.find(id);
        const auto* after = now ? &*now : nullptr;
        rename(slugs, before ? &before->slug : nullptr, after ? &after->slug : nullptr, id);
        rename(tids, before ? &before->tid : nullptr, after ? &after->tid : nullptr, id);
        rename(databases, database_of(before), database_of(after), id);
    }
    next->tenants = next->tenants.with(change.tenants);
    next->slugs = next->slugs.with(slugs);
    next->tids = next->tids.with(tids);
    next->databases = next->databases.with(databases);
    next->domains = next->domains.with(change.domains);
    next->keys = next->keys.with(change.keys);
    next->hosts = next->hosts.with(change.hosts);
    next->tokens = next->tokens.with(change.tokens);
    for (auto& [id, now] : change.servers) {
        if (!now) {
            next->servers.erase(id);
            continue;
        }
        auto record = std::make_shared<server_record>(std::move(*now));
        const auto fresh = static_cast<std::uint32_t>(server_indexes_.size()) + 1;
        record->index = server_indexes_.try_emplace(id, fresh).first->second;
        next->servers[id] = std::move(record);
    }
    current_ = directory_ptr(new directory(std::move(next)));
    return current_;
}

fleet_directory::fleet_directory(const multi_tenant& allowed, std::string domain_suffix)
    : directory_keeper(std::move(domain_suffix))
{
    static_cast<void>(allowed);  // its existence is the permission
}

directory_ptr fleet_directory::apply(directory_change change)
{
    return put(std::move(change));
}

one_tenant_directory::one_tenant_directory(const single_tenant& allowed) : directory_keeper("")
{
    static_cast<void>(allowed);
}

directory_ptr one_tenant_directory::apply(directory_change change)
{
    if (!current()) only_.reset();
    const auto is_foreign = [&](const tenant_id& tenant) { return !only_ || tenant != *only_; };
    for (auto one = change.tenants.begin(); one != change.tenants.end();) {
        if (one->second && !only_) only_ = one->first;
        if (is_foreign(one->first)) {
            if (one->second) log::error("directory.second_tenant", {{"tenant", one->second->tid}});
            one = change.tenants.erase(one);
        } else {
            ++one;
        }
    }
    const auto drop_foreign = [&](auto& records) {
        for (auto& [id, now] : records) {
            if (now && is_foreign(now->tenant)) now.reset();
        }
    };
    drop_foreign(change.keys);
    drop_foreign(change.hosts);
    drop_foreign(change.tokens);
    drop_foreign(change.domains);
    return put(std::move(change));
}

}  // namespace leasehold::router
