#pragma once

#include <leasehold/base/error.hpp>

#include <nlohmann/json_fwd.hpp>

#include <exception>
#include <string>

namespace leasehold::cli {

// What the server refused, as its problem document says it.
class refused_by_server : public error
{
public:
    refused_by_server(int status, std::string code, std::string detail, std::string document);
    [[nodiscard]] const std::string& document() const noexcept { return document_; }  // JSON

private:
    std::string document_;
};

// The command line itself is wrong: exit code 2.
error usage_error(std::string detail);

// The one place where a command's error is told: on stderr, as lines for people or as a problem document for
// programs. The exit code.
int report_failure(const std::exception& why, bool as_json);

// "fix:" of docs/errors.md, which is linked into the program; empty: none is written there.
std::string fix_of(const std::string& code);

}  // namespace leasehold::cli
