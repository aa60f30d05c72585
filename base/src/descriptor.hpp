#pragma once

#include <unistd.h>

namespace leasehold {

// Owns one file descriptor; false when the call that should have made it failed (errno is untouched).
class descriptor
{
public:
    explicit descriptor(int number) noexcept : number_(number) {}
    ~descriptor()
    {
        if (number_ >= 0) ::close(number_);
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    explicit operator bool() const noexcept { return number_ >= 0; }
    [[nodiscard]] int number() const noexcept { return number_; }

private:
    int number_;
};

}  // namespace leasehold
