#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace leasehold {

// A secret text in one guarded, locked arena: wiped at its end, never swapped, never in a core, printed as
// "***". There is no == and no implicit copy; reveal() is the only way to the text and is called once per
// use. Any thread may make and destroy secrets; one secret is used by one thread at a time, or by several
// that only read. Errors: internal "secret_arena_full" when the arena (16 MiB) is exhausted; invalid
// "secret_too_large" above 64 KiB.
template <class T>
class secret;

template <>
class secret<std::string>
{
public:
    secret() noexcept = default;  // empty
    explicit secret(std::string_view text);
    // Takes the text and wipes the string it came in.
    static secret take(std::string&& text);

    secret(secret&& other) noexcept;
    secret& operator=(secret&& other) noexcept;
    secret(const secret&) = delete;
    secret& operator=(const secret&) = delete;
    ~secret();

    [[nodiscard]] secret clone() const { return secret(reveal()); }
    [[nodiscard]] std::string_view reveal() const noexcept { return {data_, size_}; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    void wipe() noexcept;

    char* data_ = nullptr;
    std::size_t size_ = 0;
};

inline std::string_view to_text(const secret<std::string>&) noexcept
{
    return "***";
}

// For buffers that held a secret and cannot live in the arena (a body on its way to a socket).
void wipe(std::string& text) noexcept;

// Constant time in the content; the length is not hidden.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

// False when the kernel refused to lock a part of the arena (RLIMIT_MEMLOCK): secrets work, but may be
// swapped.
[[nodiscard]] bool secrets_are_locked() noexcept;

// No core dump and no ptrace by others from here on (PR_SET_DUMPABLE 0, RLIMIT_CORE 0). Called first in
// main().
void forbid_core_dumps() noexcept;

}  // namespace leasehold
