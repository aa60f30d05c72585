#pragma once

#include <cstdint>
#include <memory>

namespace leasehold::test {

// A loopback port that leads to another one, byte for byte, and can be cut or made to keep answers back.
// TLS passes through untouched. Any thread.
class tcp_relay
{
public:
    explicit tcp_relay(std::uint16_t target);
    ~tcp_relay();
    tcp_relay(const tcp_relay&) = delete;
    tcp_relay& operator=(const tcp_relay&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept;
    // Cut: every connection is reset and new ones are refused, as if nobody listened.
    void set_cut(bool is_cut);
    // What the target says from here on goes nowhere.
    void keep_answers_back();
    // Bytes that were kept back.
    [[nodiscard]] std::uint64_t kept_back() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace leasehold::test
