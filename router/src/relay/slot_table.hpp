#pragma once

#include "relay/refusal.hpp"

#include <leasehold/base/ids.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace leasehold::router::relay {

class slot_table;

// Among whose clients a session counts, and how many these may be; 0: any number.
struct client_share
{
    tenant_id tenant;
    std::uint32_t most = 0;
};

// The right to one session of one lane, taken before admission because the cancel key names it: pid = router
// number (8 bits) · lane (6) · slot (17). Given back by its destructor.
class session_slot
{
public:
    session_slot() noexcept = default;
    session_slot(
        std::shared_ptr<slot_table> of, std::uint32_t number, const std::optional<tenant_id>& tenant
    ) noexcept
        : of_(std::move(of))
        , number_(number)
        , tenant_(tenant)
    {}
    session_slot(session_slot&&) noexcept = default;
    session_slot& operator=(session_slot&& other) noexcept;
    session_slot(const session_slot&) = delete;
    session_slot& operator=(const session_slot&) = delete;
    ~session_slot() { release(); }

    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] std::uint32_t client_pid() const noexcept;  // as wire::client_pid
    explicit operator bool() const noexcept { return of_ != nullptr; }

private:
    void release() noexcept;

    std::shared_ptr<slot_table> of_;
    std::uint32_t number_ = 0;
    std::optional<tenant_id> tenant_;
};

// The slots of one lane. Any thread.
class slot_table : public std::enable_shared_from_this<slot_table>
{
public:
    slot_table(std::uint8_t router_number, std::uint8_t lane, std::uint32_t capacity);
    // `within`: absent for sessions of the platform, which no tenant's limit counts. Refused: client_limit,
    // tenant_client_limit.
    std::variant<session_slot, refusal> reserve(const std::optional<client_share>& within);
    [[nodiscard]] std::uint32_t in_use() const;
    // Fewer than are in use: no more are given until enough came back.
    void set_capacity(std::uint32_t capacity);
    [[nodiscard]] std::uint32_t pid_of(std::uint32_t slot) const noexcept;

private:
    friend class session_slot;
    [[nodiscard]] std::uint32_t taken() const noexcept;
    void give_back(std::uint32_t slot, const std::optional<tenant_id>& tenant) noexcept;

    const std::uint8_t router_number_;
    const std::uint8_t lane_;
    mutable std::mutex mutex_;
    std::uint32_t capacity_ = 0;
    std::uint32_t fresh_ = 1;  // slots from here on were never used; 0 never is, so that no pid is 0
    std::vector<std::uint32_t> free_;
    std::unordered_map<tenant_id, std::uint32_t> of_tenants_;
};

}  // namespace leasehold::router::relay
