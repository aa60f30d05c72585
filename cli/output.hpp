#pragma once

#include "invocation.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::cli {

// Columns as wide as their widest cell, two spaces between. The first row is the head.
class table
{
public:
    explicit table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] std::string to_text() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

void print(std::string_view text);                        // stdout, with a newline
void print_json(const nlohmann::json& what);              // one line on stdout
void note(const invocation& how, std::string_view text);  // stderr, with a newline; nothing with --quiet

// A member as a cell: texts as they are, what is missing as "-".
std::string cell(const nlohmann::json& of, const std::string& member);
// Names and values below each other; members that are missing or null are left out.
void print_members(const nlohmann::json& of, const std::vector<std::string>& members);

// Where a new secret goes: to --out FILE (0600, never over another file), to stdout if that is a terminal or
// asked for with
// "--out -". Made before the secret is: a secret nobody can take would be lost.
// Errors: invalid secret_needs_out; conflict file_exists.
class secret_output
{
public:
    explicit secret_output(const std::optional<std::string>& out);
    // Takes the member out of `answer` where it goes to a file, so that nothing else prints it.
    void take(nlohmann::json& answer, const std::string& member) const;
    [[nodiscard]] bool is_file() const noexcept { return !file_.empty(); }
    [[nodiscard]] const std::string& file() const noexcept { return file_; }

private:
    std::string file_;
};

}  // namespace leasehold::cli
