#pragma once

#include "invocation.hpp"

#include <leasehold/base/secret.hpp>

#include <string>

namespace leasehold::cli {

// A secret named on the command line: env:NAME, file:PATH (its first line; unreadable for others), or "-" for
// the first line of the standard input. Anything else could be the secret itself, which every user of the
// machine would see. Errors: invalid with `refusal` as code for a literal; invalid secret_file_*; invalid
// "variable_missing".
secret<std::string>
load_reference(const invocation& how, const std::string& reference, const std::string& refusal);

}  // namespace leasehold::cli
