#include "front/session_settings.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace leasehold::router {
namespace {

// Settings that concern one session alone, may be set by any role and are not about where data is looked for.
constexpr std::array<std::string_view, 24> allowed{
    "application_name",
    "bytea_output",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "enable_seqscan",
    "extra_float_digits",
    "geqo",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "jit",
    "lc_messages",
    "lock_timeout",
    "plan_cache_mode",
    "search_path",
    "standard_conforming_strings",
    "statement_timeout",
    "synchronous_commit",
    "timezone",
    "work_mem",
    "xmloption",
};

// Parameters of the start-up message that are no settings.
constexpr std::array<std::string_view, 4> not_settings{"user", "database", "options", "replication"};

std::string to_lower(std::string_view text)
{
    std::string lower(text);
    for (auto& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return lower;
}

template <class List>
bool has(const List& list, std::string_view name)
{
    return std::find(list.begin(), list.end(), name) != list.end();
}

void set(relay::parameter_set& all, const std::string& name, std::string_view value)
{
    for (auto& [known, text] : all) {
        if (known == name) {
            text = value;
            return;
        }
    }
    all.emplace_back(name, value);
}

std::optional<wire::violation>
take_own(session_settings& into, const std::string& name, std::string_view value)
{
    if (name == "leasehold.tenant") {
        into.tenant_option = value;
    } else if (name == "leasehold.pool_mode" && (value == "session" || value == "transaction")) {
        into.session_mode = value == "session";
    } else if (name == "leasehold.min_schema") {
        std::int64_t least = 0;
        const auto* end = value.data() + value.size();
        const auto read = std::from_chars(value.data(), end, least);
        if (read.ec != std::errc{} || read.ptr != end) {
            return wire::protocol_unsupported("leasehold.min_schema is not a number");
        }
        into.min_schema = least;
    } else {
        return wire::protocol_unsupported("unknown option leasehold.*");
    }
    return std::nullopt;
}

std::optional<wire::violation> take(session_settings& into, std::string_view given, std::string_view value)
{
    const auto name = to_lower(given);
    if (name.starts_with("leasehold.")) return take_own(into, name, value);
    if (name.starts_with("_pq_.")) return std::nullopt;  // answered by NegotiateProtocolVersion
    if (has(allowed, name)) {
        set(into.parameters, name, value);
    } else {
        ++into.ignored;
    }
    return std::nullopt;
}

}  // namespace

std::variant<session_settings, wire::violation> read_session_settings(const wire::startup_message& startup)
{
    session_settings found;
    for (const auto& [name, value] : startup) {
        if (has(not_settings, name)) continue;
        if (const auto refused = take(found, name, value)) return *refused;
    }
    const auto options = wire::parse_options(startup.options());
    if (const auto* refused = std::get_if<wire::violation>(&options)) return *refused;
    for (const auto& one : std::get<std::vector<wire::setting>>(options)) {
        if (const auto refused = take(found, one.name, one.value)) return *refused;
    }
    return found;
}

}  // namespace leasehold::router
