#include "hmac_key_file.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/base/log.hpp>

#include <filesystem>

namespace leasehold::cli {

hmac_keys load_hmac_keys(const config& values, bool may_make)
{
    const auto& file = values.security.hmac_key_file;
    if (may_make && !std::filesystem::exists(file)) {
        try {
            create_secret_file(file, hmac_keys::make_file_content().reveal());
            log::info("hmac_key.made", {{"file", file.string()}});
        } catch (const error& failed) {
            if (failed.code() != "file_exists") throw;  // another control plane was first: its key is the one
        }
    }
    return hmac_keys(load_secret_file(file));
}

}  // namespace leasehold::cli
