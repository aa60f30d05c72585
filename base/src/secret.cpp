#include "secret_arena.hpp"

#include <leasehold/base/secret.hpp>

#include <sodium.h>

#include <cstring>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <utility>

namespace leasehold {

secret<std::string>::secret(std::string_view text)
{
    if (text.empty()) return;
    data_ = secret_arena::of_process().allocate(text.size());
    size_ = text.size();
    std::memcpy(data_, text.data(), size_);
}

secret<std::string> secret<std::string>::take(std::string&& text)
{
    // Wiped even when the arena is full.
    struct wiper
    {
        std::string& text;
        ~wiper() { leasehold::wipe(text); }
    } const at_end{text};
    return secret(text);
}

secret<std::string>::secret(secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr))
    , size_(std::exchange(other.size_, 0))
{}

secret<std::string>& secret<std::string>::operator=(secret&& other) noexcept
{
    if (this != &other) {
        wipe();
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
    }
    return *this;
}

secret<std::string>::~secret()
{
    wipe();
}

void secret<std::string>::wipe() noexcept
{
    if (data_ != nullptr) secret_arena::of_process().release(data_, size_);
    data_ = nullptr;
    size_ = 0;
}

void wipe(std::string& text) noexcept
{
    text.resize(text.capacity());  // what a longer text left behind the end goes too; never allocates
    sodium_memzero(text.data(), text.size());
    text.clear();
}

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept
{
    return a.size() == b.size() && (a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0);
}

bool secrets_are_locked() noexcept
{
    return secret_arena::of_process().is_locked();
}

void forbid_core_dumps() noexcept
{
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace leasehold
