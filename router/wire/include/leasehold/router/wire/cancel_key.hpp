#pragma once

#include <leasehold/router/wire/message_writer.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Four different things that PostgreSQL calls "pid" and "key". What the client holds is ours; what the server
// gave stays with us and never reaches a client.
namespace leasehold::router::wire {

// router number (8 bits) · lane (6) · slot (17); the sign bit is clear. Slots begin at 1: a pid of 0 looks
// like "none".
class client_pid
{
public:
    static constexpr std::uint32_t lane_max = (1U << 6U) - 1;
    static constexpr std::uint32_t slot_max = (1U << 17U) - 1;

    // Empty when a part is out of its range.
    [[nodiscard]] static std::optional<client_pid>
    make(std::uint32_t router, std::uint32_t lane, std::uint32_t slot) noexcept;
    // From a CancelRequest. Empty with the sign bit set or slot 0.
    [[nodiscard]] static std::optional<client_pid> parse(std::uint32_t value) noexcept;

    [[nodiscard]] std::uint32_t value() const noexcept { return value_; }
    [[nodiscard]] std::uint32_t router() const noexcept { return value_ >> 23U; }
    [[nodiscard]] std::uint32_t lane() const noexcept { return (value_ >> 17U) & lane_max; }
    [[nodiscard]] std::uint32_t slot() const noexcept { return value_ & slot_max; }
    friend bool operator==(client_pid, client_pid) noexcept = default;

private:
    explicit client_pid(std::uint32_t value) noexcept : value_(value) {}
    std::uint32_t value_;
};

// 32 random bits, for 3.0 and 3.2 clients alike (3.2 allows 4 to 256 bytes).
class client_key
{
public:
    [[nodiscard]] static client_key make();
    // The bytes that go into BackendKeyData.
    [[nodiscard]] std::string bytes() const;
    [[nodiscard]] bool matches(std::string_view presented) const noexcept;  // in constant time

private:
    explicit client_key(std::uint32_t value) noexcept : value_(value) {}
    std::uint32_t value_;
};

struct server_pid
{
    std::uint32_t value = 0;
};

class server_key
{
public:
    // Of BackendKeyData: 4 to 256 bytes, else empty.
    [[nodiscard]] static std::optional<server_key> parse(std::string_view bytes);
    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

private:
    explicit server_key(std::string_view bytes) : bytes_(bytes) {}
    std::string bytes_;
};

void write_backend_key(message_writer& to, client_pid pid, const client_key& key);
void write_cancel(message_writer& to, server_pid pid, const server_key& key);

}  // namespace leasehold::router::wire
