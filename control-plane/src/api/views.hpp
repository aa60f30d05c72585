#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/http/codec.hpp>
#include <leasehold/http/fields.hpp>
#include <leasehold/registry/keys.hpp>
#include <leasehold/registry/operations.hpp>
#include <leasehold/registry/servers.hpp>
#include <leasehold/registry/tenants.hpp>
#include <leasehold/registry/tokens.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

// What the API shows: structs with one field table each (views.cpp). Registry types never serialise
// themselves.
namespace leasehold::control_plane {

struct placement_view
{
    std::string server_id;
    std::string tier;
    std::string database;
    std::string schema;
    std::int64_t generation = 0;
    std::string state;
};

struct tenant_view
{
    std::string id;
    std::string tid;
    std::string slug;
    std::string name;
    std::string state;
    std::string edition;
    nlohmann::json limits;
    nlohmann::json settings;
    std::int64_t generation = 0;
    wall_time created_at;
    std::string created_by;
    std::optional<placement_view> placement;
};

struct problem_view
{
    std::string code;
    std::string detail;
};

struct step_view
{
    std::string name;
    std::string state;
    std::int64_t attempts = 0;
    std::optional<wall_time> started_at;
    std::optional<wall_time> finished_at;
    std::optional<problem_view> error;
};

struct operation_view
{
    std::string id;
    std::string kind;
    std::optional<std::string> tenant_id;
    std::string state;
    std::int64_t percent = 0;
    std::vector<step_view> steps;
    std::optional<std::string> waiting_for;
    std::optional<problem_view> error;
    nlohmann::json result;
    bool retryable = false;
    std::string created_by;
    wall_time created_at;
    std::optional<wall_time> started_at;
    std::optional<wall_time> finished_at;
};

struct server_view
{
    std::string id;
    std::string name;
    std::vector<std::string> addresses;
    std::string region;
    std::string jurisdiction;
    std::string state;
    std::string version;
    std::int64_t max_tenants = 0;
    std::int64_t connection_budget = 0;
    std::int64_t tenants = 0;
    std::vector<std::string> accepted;
    nlohmann::json preflight;
    std::optional<wall_time> preflight_at;
};

struct token_view
{
    std::string id;
    std::string label;
    std::string state;  // usable, used_up, expired, revoked
    wall_time expires_at;
    std::int64_t max_uses = 0;
    std::int64_t uses = 0;
    std::string approval;
    std::optional<std::string> cidr;
    nlohmann::json tags;
    std::string created_by;
    wall_time created_at;
    std::optional<wall_time> last_used_at;
    // Shown once, at creation.
    std::optional<std::string> token;
    std::optional<std::string> agent_yaml;
    std::optional<std::string> shell;
};

struct key_view
{
    std::string id;
    std::optional<std::string> tenant_id;
    std::string role;
    std::string name;
    bool postgres = false;
    std::string user;  // of a PostgreSQL login; empty: none
    std::string created_by;
    wall_time created_at;
    std::optional<wall_time> expires_at;
    std::optional<wall_time> last_used_at;
    std::optional<wall_time> revoked_at;
    std::optional<std::string> replaces;
    std::optional<std::string> key;  // shown once
};

struct list_query
{
    std::int64_t limit = 50;
    std::optional<std::string> cursor;
};

tenant_view to_view(const registry::tenant& from);
operation_view to_view(const registry::operation& from);
server_view to_view(const registry::server& from);
token_view to_view(const registry::enrollment_token& from);
key_view to_view(const registry::api_key& from);

// Opaque cursor of a keyset list: the last id, bound to the list by an HMAC.
std::string to_cursor(const uuid& last, std::string_view list, std::string_view subkey);
// Errors: invalid cursor_invalid.
uuid parse_cursor(std::string_view cursor, std::string_view list, std::string_view subkey);

// A page of `limit` from `limit + 1` items; `id_of` gives the uuid of an item.
template <class View, class Item, class IdOf>
http::page<View> to_page(
    std::vector<Item> items, std::int64_t limit, std::string_view list, std::string_view subkey, IdOf id_of
)
{
    http::page<View> page;
    const bool more = items.size() > static_cast<std::size_t>(limit);
    if (more) {
        items.resize(static_cast<std::size_t>(limit));
        page.next = to_cursor(id_of(items.back()), list, subkey);
    }
    for (const auto& item : items) page.items.push_back(to_view(item));
    return page;
}

}  // namespace leasehold::control_plane
