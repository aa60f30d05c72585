#include "enrollment_guard.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/http/problem.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>

namespace leasehold::router::agents {
namespace {

using namespace std::chrono_literals;

constexpr auto length = 60s;

[[noreturn]] void refuse(boot_time::duration left)
{
    const auto after = std::max(std::chrono::ceil<std::chrono::seconds>(left), 1s);
    throw http::retry_later(
        error_kind::rate_limited, "rate_limited", "too many enrollments fail: come back later", after
    );
}

// Who has one IPv6 address has a whole /64 of them.
std::string group_of(const std::string& address)
{
    boost::system::error_code failed;
    const auto parsed = asio::ip::make_address(address, failed);
    if (failed || !parsed.is_v6() || parsed.to_v6().is_v4_mapped()) return address;
    auto bytes = parsed.to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
    return asio::ip::address_v6(bytes).to_string();
}

}  // namespace

void enrollment_guard::admit(const std::string& address, const uuid& token)
{
    const auto now = clock_.boot();
    if (now - second_began_ >= 1s) {
        second_began_ = now;
        attempts_ = 0;
        forget_old();
    }
    const auto group = group_of(address);
    check_open({group, uuid()});
    check_open({group, token});
    if (++attempts_ > per_second) refuse(1s);
}

void enrollment_guard::note_failure(const std::string& address, const uuid& token)
{
    const auto group = group_of(address);
    count({group, uuid()}, per_address);
    if (token != uuid()) count({group, token}, per_token);
}

void enrollment_guard::check_open(const window_key& key) const
{
    const auto at = windows_.find(key);
    if (at == windows_.end() || !at->second.is_closed) return;
    const auto left = at->second.ends_at - clock_.boot();
    if (left > 0s) refuse(left);
}

void enrollment_guard::count(const window_key& key, std::size_t limit)
{
    const auto now = clock_.boot();
    auto& at = windows_[key];
    if (at.ends_at <= now) at = {now + length, 0, false};
    if (++at.count < limit || at.is_closed) return;
    at.is_closed = true;
    at.ends_at = now + length;
}

void enrollment_guard::forget_old()
{
    const auto now = clock_.boot();
    std::erase_if(windows_, [&](const auto& one) { return one.second.ends_at <= now; });
}

}  // namespace leasehold::router::agents
