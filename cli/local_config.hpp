#pragma once

#include "invocation.hpp"

#include <leasehold/base/config.hpp>

#include <vector>

namespace leasehold::cli {

// The configuration of local commands: --config, else LEASEHOLD_CONFIG, with --dev else ./leasehold.yaml,
// else /etc/leasehold/leasehold.yaml. Errors: config_error.
loaded_config load_local_config(const invocation& how);

// Throws config_error when there is any.
void refuse(std::vector<config_problem> problems);

// What the log shall show, from the configuration.
void configure_log(const log_config& from);

}  // namespace leasehold::cli
