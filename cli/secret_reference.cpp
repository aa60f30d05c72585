#include "secret_reference.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>

#include <iostream>

namespace leasehold::cli {

secret<std::string>
load_reference(const invocation& how, const std::string& reference, const std::string& refusal)
{
    if (reference == "-") {
        std::string line;
        std::getline(std::cin, line);
        if (line.empty())
            throw error(error_kind::invalid, "secret_file_empty", "the standard input holds no secret");
        return secret<std::string>::take(std::move(line));
    }
    if (reference.rfind("env:", 0) == 0) {
        auto value = how.variable(reference.substr(4));
        if (!value || value->empty()) {
            throw error(
                error_kind::invalid, "variable_missing", "the variable " + reference.substr(4) + " is not set"
            );
        }
        return secret<std::string>::take(std::move(*value));
    }
    if (reference.rfind("file:", 0) == 0) return load_secret_line(reference.substr(5));
    // The text itself is not repeated: it may be the secret.
    throw error(
        error_kind::invalid, refusal, "a secret is given as env:NAME or file:PATH, never as an argument"
    );
}

}  // namespace leasehold::cli
