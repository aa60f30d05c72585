#include "output.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/secret.hpp>

#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <unistd.h>

namespace leasehold::cli {
namespace {

std::size_t width_of(std::string_view text)
{
    std::size_t width = 0;
    for (const char c : text) {
        if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++width;  // not a continuation of a character
    }
    return width;
}

}  // namespace

std::string table::to_text() const
{
    std::vector<std::size_t> widths(rows_.front().size());
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths.at(i) = std::max(widths.at(i), width_of(row[i]));
    }
    std::string text;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line.append(widths[i] - width_of(row[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    if (!text.empty()) text.pop_back();
    return text;
}

void print(std::string_view text)
{
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
}

void print_json(const nlohmann::json& what)
{
    print(what.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void note(const invocation& how, std::string_view text)
{
    if (how.quiet) return;
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fputc('\n', stderr);
}

std::string cell(const nlohmann::json& of, const std::string& member)
{
    const auto found = of.find(member);
    if (found == of.end() || found->is_null()) return "-";
    if (found->is_string())
        return found->get_ref<const std::string&>().empty() ? "-" : found->get<std::string>();
    if (found->is_array()) {
        std::string all;
        for (const auto& item : *found) {
            all += (all.empty() ? "" : ",") + (item.is_string() ? item.get<std::string>() : item.dump());
        }
        return all.empty() ? "-" : all;
    }
    return found->dump();
}

void print_members(const nlohmann::json& of, const std::vector<std::string>& members)
{
    std::size_t widest = 0;
    for (const auto& name : members) widest = std::max(widest, name.size());
    for (const auto& name : members) {
        const auto text = cell(of, name);
        if (text == "-") continue;
        print(name + std::string(widest - name.size() + 2, ' ') + text);
    }
}

secret_output::secret_output(const std::optional<std::string>& out)
{
    if (!out) {
        if (::isatty(STDOUT_FILENO) == 1) return;
        throw error(
            error_kind::invalid,
            "secret_needs_out",
            "the secret is shown once, and the standard output is no terminal"
        );
    }
    if (*out == "-") return;
    std::error_code ignored;
    if (std::filesystem::exists(std::filesystem::symlink_status(*out, ignored))) {
        throw error(error_kind::conflict, "file_exists", *out + " exists already");
    }
    const auto folder = std::filesystem::absolute(*out).parent_path();
    if (::access(folder.c_str(), W_OK) != 0) {
        throw error(
            error_kind::unavailable,
            "file_unreadable",
            folder.string() + " is no folder that can be written to"
        );
    }
    file_ = *out;
}

void secret_output::take(nlohmann::json& answer, const std::string& member) const
{
    if (!is_file()) return;
    auto text = answer.at(member).get<std::string>() + "\n";
    create_secret_file(file_, text);
    wipe(text);
    wipe(answer.at(member).get_ref<std::string&>());
    answer.erase(member);
}

}  // namespace leasehold::cli
