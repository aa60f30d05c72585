#pragma once

#include "byte_stream.hpp"

#include <leasehold/http/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace leasehold::http {

enum class read_end : std::uint8_t
{
    complete,
    closed,     // the peer ended, or time ran out, before a byte of the request
    late,       // time ran out within it
    lost,       // the connection ended within it
    malformed,  // not HTTP/1.1
    too_large,  // above the limit of head or body
};

// Reads requests from one connection, one after the other; what arrives early waits here.
class request_reader
{
public:
    explicit request_reader(std::size_t header_limit);
    ~request_reader();

    // `idle` for the first byte, then `active` for the rest of the head. `is_waiting` is true until the first
    // byte.
    task<read_end> read_head(
        byte_stream& from, std::chrono::milliseconds idle, std::chrono::milliseconds active, bool& is_waiting
    );
    // After a complete head:
    [[nodiscard]] incoming take_head() const;
    [[nodiscard]] std::optional<std::uint64_t> content_length() const;
    [[nodiscard]] bool has_body() const;  // something follows the head
    [[nodiscard]] bool expects_continue() const;
    [[nodiscard]] bool keep_alive() const;

    task<read_end>
    read_body(byte_stream& from, std::size_t limit, std::chrono::milliseconds active, std::string& body);

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace leasehold::http
