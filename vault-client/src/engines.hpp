#pragma once

#include "exchange.hpp"

// What broker and broker_setup share: one function per engine call, from typed values to a call and from an
// answer to values.
namespace leasehold::vault_client::engines {

task<std::optional<kv_entry>> get_kv(exchange& at, const kv_path& path);
task<int> put_kv(
    exchange& at,
    const kv_path& path,
    const std::map<std::string, secret<std::string>>& data,
    std::optional<int> cas
);
task<void> delete_kv(exchange& at, const kv_path& path);

// The data object of an answer in Vault's envelope.
[[nodiscard]] fields data_of(answer& from);
// data.keys of a LIST.
[[nodiscard]] std::vector<std::string> keys_of(answer& from);

}  // namespace leasehold::vault_client::engines
