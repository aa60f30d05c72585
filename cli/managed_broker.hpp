#pragma once

#include <leasehold/base/config.hpp>

#include <functional>
#include <string>
#include <sys/types.h>

namespace leasehold::cli {

// A broker on this machine for as long as `migrate` needs it (`--managed-broker`). One that runs is used and
// left alone; one that nobody answers for is started as a child, on its first start initialised, and unsealed
// from vault.bootstrap.keys_file; what was started here is stopped by the destructor, which waits until the
// port is free. A broker that somebody else started is never unsealed. Blocking; one thread. Errors:
// unavailable broker_sealed, broker_uninitialised, broker_unreachable, broker_unusable, broker_start_failed;
// conflict broker_keys_missing.
class managed_broker
{
public:
    using teller = std::function<void(const std::string&)>;

    managed_broker(const config& values, teller tell);
    ~managed_broker();
    managed_broker(const managed_broker&) = delete;
    managed_broker& operator=(const managed_broker&) = delete;

private:
    void start();
    void stop() noexcept;
    [[nodiscard]] bool has_child_ended() noexcept;

    const config& values_;
    teller tell_;
    pid_t child_ = 0;
};

}  // namespace leasehold::cli
