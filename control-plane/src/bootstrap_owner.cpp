#include "bootstrap_owner.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/base/log.hpp>

#include <fmt/format.h>

namespace leasehold::control_plane {
namespace {

credential supplied_or_new(const control_plane_config& settings, const key_id& fresh)
{
    const auto& file = settings.bootstrap.supplied_key_file;
    if (file.empty()) return credential::make(credential_type::api, fresh.value());
    const auto text = load_secret_line(file);
    auto parsed = credential::parse(text.reveal());
    if (!parsed || parsed->type != credential_type::api) {
        throw error(error_kind::invalid, "key_malformed", fmt::format("{} holds no API key", file.string()));
    }
    return std::move(*parsed);
}

}  // namespace

task<bool> ensure_owner(registry::keys& keys, const hmac_keys& secrets, const control_plane_config& settings)
{
    const auto key = supplied_or_new(settings, key_id::random());
    const auto& file = settings.bootstrap.key_file;
    const bool writes_file = settings.bootstrap.supplied_key_file.empty();

    registry::new_key row;
    row.id = key_id(key.id);
    row.role = "owner";
    row.name = "bootstrap owner";
    row.secret_hmac = secrets.stored_form(key.secret_part.reveal());
    row.expires_at = real_clock().wall() + settings.bootstrap.lifetime;

    bool written = false;
    const std::function<void()> write_file = [&] {
        if (!writes_file) return;
        const auto text = key.to_text();
        try {
            create_secret_file(file, std::string(text.reveal()) + "\n");
        } catch (const error& failed) {
            if (failed.code() != "file_exists") throw;
            throw error(
                error_kind::conflict,
                "bootstrap_file_exists",
                fmt::format("{} exists already: move it away, the registry has no owner yet", file.string())
            );
        }
        written = true;
    };
    bool made = false;
    try {
        const bool inserted =
            co_await keys.bootstrap_owner(registry::principal::system("bootstrap"), row, write_file);
        made = inserted;
    } catch (...) {
        if (written) std::filesystem::remove(file);  // the commit failed: the key it holds is none
        throw;
    }
    if (made) {
        log::info("bootstrap.owner_made", {{"file", writes_file ? file.string() : std::string("supplied")}});
    }
    co_return made;
}

}  // namespace leasehold::control_plane
