#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace leasehold::router::test {

// A bare socket, for what no driver would send.
class raw_client
{
public:
    explicit raw_client(const std::string& unix_path);
    raw_client(
        std::uint16_t port, const std::string& from = "127.0.0.1"
    );  // another loopback address as source
    ~raw_client();
    raw_client(raw_client&& other) noexcept;
    raw_client& operator=(raw_client&&) = delete;
    raw_client(const raw_client&) = delete;
    raw_client& operator=(const raw_client&) = delete;

    void send(std::string_view bytes) const;  // what cannot be sent any more is nobody's
    void end_sending() const;
    // What came until the peer closed, or until `patience` was over (then is_closed() is false).
    std::string read_all(std::chrono::milliseconds patience);
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

private:
    int descriptor_ = -1;
    bool is_closed_ = false;
};

}  // namespace leasehold::router::test
