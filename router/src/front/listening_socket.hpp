#pragma once

#include <leasehold/base/config.hpp>

namespace leasehold::router {

// Binds and listens, non-blocking. One owner per address: a port in use is an error, never shared.
// `at` gets the real port. Errors: conflict "address_in_use", unavailable "listen_failed".
int open_listener(address& at, int backlog);

}  // namespace leasehold::router
