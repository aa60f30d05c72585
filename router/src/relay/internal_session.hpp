#pragma once

#include "relay/borrower.hpp"
#include "relay/internal_call.hpp"
#include "relay/timer_wheel.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leasehold::router::relay {

class lane_core;
class pool;

// One call of our own on its way through a pool; afterwards, if it was kept, the holder of its server
// connection until the next call of the link. Owner: the lane. Lane only.
class internal_session final : public borrower
{
public:
    internal_session(lane_core& core, pool& of);
    internal_session(const internal_session&) = delete;
    internal_session& operator=(const internal_session&) = delete;
    ~internal_session() = default;

    void start(internal_call call) noexcept;
    // Gives its server connection up; a transaction is rolled back.
    void release() noexcept;
    // One call of a link at a time.
    [[nodiscard]] bool is_at_work() const noexcept { return call_.has_value(); }

    void on_lent(server_connection& server) noexcept override;
    void on_refused(const refusal& why) noexcept override;
    bool on_reply(std::string_view bytes) noexcept override;
    void on_ready(char status) noexcept override;
    void on_server_writable() noexcept override {}
    void on_settings(bool is_applied, std::string_view sqlstate, std::string_view message) noexcept override;
    void on_server_gone(const refusal& why, bool is_told) noexcept override;
    void on_lease_ending() noexcept override {}

private:
    void send() noexcept;
    void refuse(const refusal& why) noexcept;
    void end() noexcept;

    lane_core& core_;
    pool& pool_;
    std::optional<internal_call> call_;  // empty: between two calls of the link
    internal_reply reply_;
    server_connection* server_ = nullptr;
    std::uint64_t link_ = 0;
    bool is_too_large_ = false;
    bool is_over_ = false;
    timer limit_;  // of a kept connection
};

}  // namespace leasehold::router::relay
