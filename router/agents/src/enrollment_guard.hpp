#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/uuid.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <utility>

namespace leasehold::router::agents {

// Holds back who guesses tokens: what fails is counted over a minute per (address, token) and per address,
// and above the limits refused for a minute. What succeeds is not counted, so that a data centre behind one
// address can enroll. All attempts together are bounded as well. Thread: the gateway's lane.
class enrollment_guard
{
public:
    static constexpr std::size_t per_token = 10;
    static constexpr std::size_t per_address = 100;
    static constexpr std::size_t per_second = 500;

    explicit enrollment_guard(const clock_source& clock) : clock_(clock) {}

    // Throws retry_later "rate_limited". `token`: nil where the text is none.
    void admit(const std::string& address, const uuid& token);
    void note_failure(const std::string& address, const uuid& token);

private:
    struct window
    {
        boot_time ends_at{};
        std::size_t count = 0;
        bool is_closed = false;
    };
    using window_key = std::pair<std::string, uuid>;  // address; nil: whatever the token

    void check_open(const window_key& key) const;
    void count(const window_key& key, std::size_t limit);
    void forget_old();

    const clock_source& clock_;
    std::map<window_key, window> windows_;  // bounded by the attempts of a minute
    boot_time second_began_{};
    std::size_t attempts_ = 0;  // in that second
};

}  // namespace leasehold::router::agents
