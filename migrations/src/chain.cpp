#include "header.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/migrations/chain.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

std::span<const leasehold::embedded_file> embedded_registry_chain();
std::span<const leasehold::embedded_file> embedded_shared_chain();
std::span<const leasehold::embedded_file> embedded_tenant_chain();

namespace leasehold::migrations {
namespace {

constexpr int first_own_number = 5000;
constexpr std::size_t largest_file = 1U << 20U;

std::string checksum_of(std::string_view bytes)
{
    return crypto::to_hex(crypto::view(crypto::sha256(bytes)));
}

// NNNN_verb_noun.sql: four digits, then lower-case words.
int number_of(std::string_view name)
{
    const auto stem_ok = [](std::string_view stem) {
        return !stem.empty() && std::all_of(stem.begin(), stem.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        });
    };
    const bool digits = name.size() > 9 && std::all_of(name.begin(), name.begin() + 4, [](char c) {
                            return c >= '0' && c <= '9';
                        });
    const bool ends = name.size() > 4 && name.substr(name.size() - 4) == ".sql";
    if (!digits || !ends || name[4] != '_' || !stem_ok(name.substr(5, name.size() - 9))) {
        throw error(
            error_kind::invalid,
            "migration_name",
            fmt::format("'{}' is not of the form NNNN_verb_noun.sql", name)
        );
    }
    return (name[0] - '0') * 1000 + (name[1] - '0') * 100 + (name[2] - '0') * 10 + (name[3] - '0');
}

migration_file parse_file(std::string name, std::string_view bytes)
{
    if (bytes.size() > largest_file) {
        throw error(error_kind::invalid, "migration_header", fmt::format("{} is larger than 1 MiB", name));
    }
    migration_file file;
    file.number = number_of(name);
    file.sql = normalise_line_ends(bytes);
    file.head = parse_header(name, file.sql);
    file.checksum = checksum_of(file.sql);
    file.name = std::move(name);
    return file;
}

using listed_checksums = std::map<std::string, std::string, std::less<>>;

listed_checksums parse_checksums(std::string_view text)
{
    listed_checksums listed;
    std::istringstream lines{std::string(text)};
    for (std::string name, digest; lines >> name >> digest;) listed[name] = digest;
    return listed;
}

void compare_with(const listed_checksums& listed, const std::vector<migration_file>& files)
{
    for (const auto& file : files) {
        const auto row = listed.find(file.name);
        if (row == listed.end() || row->second != file.checksum) {
            throw error(
                error_kind::invalid,
                "migration_checksum",
                fmt::format("{} differs from CHECKSUMS: a released file is never edited", file.name)
            );
        }
    }
    if (listed.size() != files.size()) {
        throw error(error_kind::invalid, "migration_checksum", "CHECKSUMS names a file that is not there");
    }
}

void sort_and_check_numbers(std::vector<migration_file>& files)
{
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
    int expected = 1;
    for (const auto& file : files) {
        if (file.number >= first_own_number && expected < first_own_number) expected = first_own_number;
        if (file.number != expected) {
            throw error(
                error_kind::invalid,
                "migration_gap",
                fmt::format("{} stands where {:04} should", file.name, expected)
            );
        }
        ++expected;
    }
}

}  // namespace

std::string_view to_text(partition which) noexcept
{
    switch (which) {
    case partition::registry:
        return "registry";
    case partition::shared:
        return "shared";
    case partition::tenant:
        return "tenant";
    }
    return "";
}

std::string_view version_table_of(partition which) noexcept
{
    switch (which) {
    case partition::registry:
        return "registry_schema_version";
    case partition::shared:
        return "shared_schema_version";
    case partition::tenant:
        return "schema_version";
    }
    return "";
}

chain::chain(partition which, std::vector<migration_file> files) : which_(which), files_(std::move(files))
{
    sort_and_check_numbers(files_);
    std::vector<version_row> all_expands;
    for (const auto& file : files_) {
        if (file.head.phase == phase::expand) all_expands.push_back({file.number, file.name, file.checksum});
    }
    checksum_ = chain_checksum(all_expands);
}

chain::chain(partition which, std::span<const embedded_file> files)
    : chain(which, [&] {
        std::vector<migration_file> parsed;
        listed_checksums listed;
        for (const auto& file : files) {
            const auto name = file.path.substr(file.path.rfind('/') + 1);
            if (name == "CHECKSUMS") {
                listed = parse_checksums(file.bytes);
            } else {
                parsed.push_back(parse_file(std::string(name), file.bytes));
            }
        }
        compare_with(listed, parsed);
        return parsed;
    }())
{}

chain chain::with_folder(const std::filesystem::path& folder, bool replace) const
{
    std::vector<migration_file> own;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".sql") continue;
        own.push_back(parse_file(entry.path().filename().string(), load_file(entry.path())));
        if (!replace && own.back().number < first_own_number) {
            throw error(
                error_kind::invalid,
                "migration_name",
                fmt::format("{}: own files beside the built-in ones are numbered from 5000", own.back().name)
            );
        }
    }
    if (std::filesystem::exists(folder / "CHECKSUMS")) {
        compare_with(parse_checksums(load_file(folder / "CHECKSUMS")), own);
    }
    if (!replace) own.insert(own.end(), files_.begin(), files_.end());
    return chain(which_, std::move(own));
}

int chain::version() const noexcept
{
    int highest = 0;
    for (const auto& file : files_) {
        if (file.head.phase == phase::expand) highest = std::max(highest, file.number);
    }
    return highest;
}

int chain::contract_version() const noexcept
{
    int highest = 0;
    for (const auto& file : files_) {
        if (file.head.phase == phase::contract) highest = std::max(highest, file.number);
    }
    return highest;
}

const chain& registry_chain()
{
    static const chain built_in(partition::registry, embedded_registry_chain());
    return built_in;
}

const chain& shared_chain()
{
    static const chain built_in(partition::shared, embedded_shared_chain());
    return built_in;
}

const chain& tenant_chain()
{
    static const chain built_in(partition::tenant, embedded_tenant_chain());
    return built_in;
}

std::string chain_checksum(std::span<const version_row> applied)
{
    std::map<int, std::string_view> by_number;
    for (const auto& row : applied) by_number[row.number] = row.checksum;
    std::string text;
    for (const auto& [number, checksum] : by_number) text += fmt::format("{:04} {}\n", number, checksum);
    return checksum_of(text);
}

std::vector<const migration_file*> missing_expands(const chain& ours, std::span<const version_row> applied)
{
    std::map<int, const version_row*> rows;
    for (const auto& row : applied) rows[row.number] = &row;

    std::vector<const migration_file*> missing;
    for (const auto& file : ours.files()) {
        const auto row = rows.find(file.number);
        if (row == rows.end()) {
            if (file.head.phase == phase::expand) missing.push_back(&file);
            continue;
        }
        if (row->second->checksum != file.checksum) {
            throw error(
                error_kind::conflict,
                "history_changed",
                fmt::format("{} was applied with another content than this binary holds", row->second->name)
            );
        }
        rows.erase(row);
    }
    if (!rows.empty()) {
        throw error(
            error_kind::conflict,
            "schema_ahead",
            fmt::format("the database holds {}, which this binary does not know", rows.begin()->second->name)
        );
    }
    return missing;
}

}  // namespace leasehold::migrations
