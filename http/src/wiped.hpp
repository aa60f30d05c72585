#pragma once

#include <leasehold/base/secret.hpp>

#include <memory>
#include <string.h>
#include <string>
#include <string_view>

namespace leasehold::http {

// Overwrites what it gives back, so that a growing buffer leaves no copies of a token or password behind.
template <class T>
struct wiping_allocator
{
    using value_type = T;

    wiping_allocator() noexcept = default;
    template <class Other>
    wiping_allocator(const wiping_allocator<Other>&) noexcept  // NOLINT(google-explicit-constructor):
                                                               // allocators convert
    {}

    T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T* at, std::size_t count) noexcept
    {
        ::explicit_bzero(at, count * sizeof(T));
        std::allocator<T>().deallocate(at, count);
    }

    friend bool operator==(const wiping_allocator&, const wiping_allocator&) noexcept { return true; }
};

using wiped_string = std::basic_string<char, std::char_traits<char>, wiping_allocator<char>>;

}  // namespace leasehold::http
