#include "directory/tables.hpp"

#include <leasehold/router/directory.hpp>

namespace leasehold::router {

directory::directory(std::unique_ptr<const tables> of) : tables_(std::move(of)) {}
directory::~directory() = default;

const tenant_record* directory::find_tenant(const tenant_id& id) const noexcept
{
    return tables_->tenants.find(id);
}

const tenant_record* directory::find_slug(std::string_view slug) const noexcept
{
    return tables_->of(tables_->slugs.find(slug));
}

const tenant_record* directory::find_tid(std::string_view tid) const noexcept
{
    return tables_->of(tables_->tids.find(tid));
}

const tenant_record* directory::find_database(std::string_view database) const noexcept
{
    return tables_->of(tables_->databases.find(database));
}

const tenant_record* directory::find_domain(std::string_view domain) const noexcept
{
    if (const auto* named = find_domain_record(domain)) return find_tenant(named->tenant);
    const std::string_view suffix = tables_->domain_suffix;
    if (suffix.empty() || domain.size() <= suffix.size() + 1 || !domain.ends_with(suffix)) return nullptr;
    const auto label = domain.substr(0, domain.size() - suffix.size() - 1);
    if (domain[label.size()] != '.') return nullptr;
    return find_slug(label);
}

const domain_record* directory::find_domain_record(std::string_view domain) const noexcept
{
    return tables_->domains.find(domain);
}

const key_record* directory::find_key(const key_id& id) const noexcept
{
    return tables_->keys.find(id);
}

const host_record* directory::find_host(const host_id& id) const noexcept
{
    return tables_->hosts.find(id);
}

const token_record* directory::find_token(const token_id& id) const noexcept
{
    return tables_->tokens.find(id);
}

const server_record* directory::find_server(const server_id& id) const noexcept
{
    const auto at = tables_->servers.find(id);
    return at == tables_->servers.end() ? nullptr : at->second.get();
}

const server_record* directory::server_at(std::uint32_t index) const noexcept
{
    for (const auto& [id, record] : tables_->servers) {
        if (record->index == index) return record.get();
    }
    return nullptr;
}

const installation_id& directory::installation() const noexcept
{
    return tables_->installation;
}

std::int64_t directory::applied_change() const noexcept
{
    return tables_->applied_change;
}

directory_counts directory::count() const noexcept
{
    return {
        tables_->tenants.size(),
        tables_->domains.size(),
        tables_->keys.size(),
        tables_->hosts.size(),
        tables_->tokens.size(),
        tables_->servers.size()};
}

std::vector<host_id> directory::hosts_in_state(std::string_view state) const
{
    std::vector<host_id> found;
    tables_->hosts.visit([&](const host_id& id, const host_record& one) {
        if (one.state == state) found.push_back(id);
    });
    return found;
}

namespace {

template <class Key, class Value>
std::vector<Key> keys_of(const sharded_map<Key, Value>& all)
{
    std::vector<Key> keys;
    keys.reserve(all.size());
    all.visit([&](const Key& key, const Value&) { keys.push_back(key); });
    return keys;
}

}  // namespace

std::vector<tenant_id> directory::tenant_ids() const
{
    return keys_of(tables_->tenants);
}

std::vector<key_id> directory::key_ids() const
{
    return keys_of(tables_->keys);
}

std::vector<host_id> directory::host_ids() const
{
    return keys_of(tables_->hosts);
}

}  // namespace leasehold::router
