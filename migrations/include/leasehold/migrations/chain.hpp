#pragma once

#include <leasehold/base/embedded_file.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The three chains of migration files, as values. Pure: nothing here speaks to a database. Any thread.
namespace leasehold::migrations {

enum class partition : std::uint8_t
{
    registry,
    shared,
    tenant
};
std::string_view to_text(partition which) noexcept;
std::string_view version_table_of(partition which) noexcept;

enum class phase : std::uint8_t
{
    expand,
    contract
};

// What the first lines of a file say (`-- leasehold: <directive>`). docs/migrations.md lists the directives.
struct directives
{
    enum phase phase = phase::expand;
    std::optional<std::chrono::milliseconds> lock_timeout;
    std::optional<std::chrono::milliseconds> statement_timeout;
    bool no_transaction = false;                      // slow lane
    std::optional<std::chrono::milliseconds> repeat;  // slow lane
};

struct migration_file
{
    int number = 0;
    std::string name;  // "0001_create_hosts.sql"
    directives head;
    std::string sql;
    std::string checksum;  // SHA-256 of the bytes with CRLF turned into LF, lower-case hex

    [[nodiscard]] bool is_slow() const noexcept { return head.no_transaction || head.repeat.has_value(); }
};

// One applied file, as its version row says it.
struct version_row
{
    int number = 0;
    std::string name;
    std::string checksum;
};

// Files of one partition in number order: names valid, numbers without a gap within 0001–4999 (and within
// 5000–9999 for own files), each file as its CHECKSUMS lists it.
class chain
{
public:
    // Errors (invalid): migration_name, migration_header, migration_checksum, migration_gap; each names the
    // file.
    chain(partition which, std::span<const embedded_file> files);

    // Own files beside the built-in ones (extend: numbers 5000–9999) or instead of them (replace).
    // A folder without CHECKSUMS is taken as it is; one with CHECKSUMS must match it.
    [[nodiscard]] chain with_folder(const std::filesystem::path& folder, bool replace) const;

    [[nodiscard]] partition which() const noexcept { return which_; }
    [[nodiscard]] const std::vector<migration_file>& files() const noexcept { return files_; }
    [[nodiscard]] int version() const noexcept;           // highest expand number, 0 for an empty chain
    [[nodiscard]] int contract_version() const noexcept;  // highest contract number
    // Checksum of a database in which every expand file is applied, and no contract file.
    [[nodiscard]] const std::string& checksum() const noexcept { return checksum_; }

private:
    chain(partition which, std::vector<migration_file> files);

    partition which_;
    std::vector<migration_file> files_;
    std::string checksum_;
};

// The built-in chains of this binary.
const chain& registry_chain();
const chain& shared_chain();
const chain& tenant_chain();

// SHA-256 over "number checksum\n" of each applied file, in number order. Two databases with the same one
// have the same chain.
std::string chain_checksum(std::span<const version_row> applied);

// What a database that has `applied` still misses: expand files in number order.
// Errors: conflict history_changed (an applied file differs from ours), conflict schema_ahead (a file we do
// not know).
std::vector<const migration_file*> missing_expands(const chain& ours, std::span<const version_row> applied);

}  // namespace leasehold::migrations
