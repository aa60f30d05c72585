#include "identity.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>

#include <nlohmann/json.hpp>

#include <utility>

namespace leasehold::agent {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::filesystem::path& file)
{
    throw error(
        error_kind::internal,
        "identity_damaged",
        file.string() + " is no identity of an agent: restore it, or remove the state folder and enroll anew"
    );
}

wall_time time_of(const json& from, const char* name)
{
    const auto at = parse_rfc3339(from.value(name, std::string()));
    return at ? *at : wall_time{};
}

secret<std::string> secret_of(json& from, const char* name)
{
    if (!from.contains(name)) return {};
    return secret<std::string>::take(std::move(from[name].get_ref<std::string&>()));
}

identity to_identity(json& from)
{
    identity who;
    auto seed = crypto::from_base64(from.at("seed").get_ref<const std::string&>());
    if (!seed || seed->size() != 32) throw std::invalid_argument("seed");
    auto pair = crypto::ed25519_from_seed(*seed);
    wipe(*seed);
    wipe(from["seed"].get_ref<std::string&>());
    who.seed = std::move(pair.seed);
    who.public_key = std::move(pair.public_key);
    who.salt = from.at("salt").get<std::string>();
    who.machine_hint = from.at("machine_hint").get<std::string>();
    if (!from.contains("host_id")) return who;
    who.host = host_id::parse(from.at("host_id").get<std::string>());
    if (!who.host) throw std::invalid_argument("host_id");
    who.tenant = from.value("tenant", std::string());
    who.state = from.value("state", std::string());
    who.credential = secret_of(from, "credential");
    who.generation = from.at("generation").get<std::int64_t>();
    who.expires_at = time_of(from, "expires_at");
    who.renew_at = time_of(from, "renew_at");
    return who;
}

}  // namespace

std::string machine_hint_of(const std::string& salt, const std::string& machine_id)
{
    if (machine_id.empty()) return {};
    return crypto::to_hex(crypto::view(crypto::sha256(salt + machine_id)));
}

identity make_identity(const std::string& machine_id)
{
    identity who;
    auto pair = crypto::make_ed25519_pair();
    who.seed = std::move(pair.seed);
    who.public_key = std::move(pair.public_key);
    who.salt = crypto::to_hex(crypto::random_bytes(16));
    who.machine_hint = machine_hint_of(who.salt, machine_id);
    return who;
}

std::optional<identity> load_identity(const std::filesystem::path& file)
{
    if (!std::filesystem::exists(file)) return std::nullopt;
    const auto content = load_secret_file(file);
    try {
        auto parsed = json::parse(content.reveal());
        return to_identity(parsed);
    } catch (const std::exception&) {  // its text may quote the secret
        refuse(file);
    }
}

void store_identity(const std::filesystem::path& file, const identity& who)
{
    json into{
        {"seed", crypto::to_base64(who.seed.reveal())},
        {"salt", who.salt},
        {"machine_hint", who.machine_hint}};
    if (who.host) {
        into["host_id"] = who.host->to_string();
        into["tenant"] = who.tenant;
        into["state"] = who.state;
        into["credential"] = std::string(who.credential.reveal());
        into["generation"] = who.generation;
        into["expires_at"] = to_rfc3339(who.expires_at);
        into["renew_at"] = to_rfc3339(who.renew_at);
    }
    auto text = into.dump(2) + "\n";
    try {
        store_file(file, text);
    } catch (...) {
        wipe(text);
        throw;
    }
    wipe(text);
}

}  // namespace leasehold::agent
