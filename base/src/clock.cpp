#include <leasehold/base/clock.hpp>

#include <fmt/format.h>

#include <ctime>

namespace leasehold {
namespace {

using namespace std::chrono;

class system_source final : public clock_source
{
public:
    [[nodiscard]] wall_time wall() const noexcept override { return system_clock::now(); }
    [[nodiscard]] boot_time boot() const noexcept override { return boot_clock::now(); }
};

// Reads exactly `count` digits off the front.
std::optional<int> take_digits(std::string_view& text, std::size_t count) noexcept
{
    if (text.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view& text, std::string_view any_of) noexcept
{
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

// "" or ".123456789…": nanoseconds; digits beyond the ninth are dropped.
std::optional<nanoseconds> take_fraction(std::string_view& text) noexcept
{
    if (!take(text, ".")) return nanoseconds(0);
    std::int64_t value = 0;
    std::int64_t unit = 100'000'000;
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
        value += (text[digits] - '0') * unit;
        unit /= 10;
        ++digits;
    }
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
    return nanoseconds(value);
}

// "Z", "+02:00", "-0530" is not: what must be subtracted to come to UTC.
std::optional<minutes> take_offset(std::string_view& text) noexcept
{
    if (take(text, "Zz")) return minutes(0);
    const bool negative = !text.empty() && text.front() == '-';
    if (!take(text, "+-")) return std::nullopt;
    const auto hour = take_digits(text, 2);
    if (!hour || !take(text, ":")) return std::nullopt;
    const auto minute = take_digits(text, 2);
    if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
    const auto offset = hours(*hour) + minutes(*minute);
    return negative ? -offset : minutes(offset);
}

}  // namespace

boot_clock::time_point boot_clock::now() noexcept
{
    timespec at{};
    clock_gettime(CLOCK_BOOTTIME, &at);
    return time_point(seconds(at.tv_sec) + nanoseconds(at.tv_nsec));
}

const clock_source& real_clock() noexcept
{
    static const system_source source;
    return source;
}

std::string to_rfc3339(wall_time at)
{
    const auto whole = floor<milliseconds>(at);
    const auto day = floor<days>(whole);
    const year_month_day date(day);
    const hh_mm_ss time(whole - day);
    return fmt::format(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()),
        time.hours().count(),
        time.minutes().count(),
        time.seconds().count(),
        time.subseconds().count()
    );
}

std::optional<wall_time> parse_rfc3339(std::string_view text) noexcept
{
    const auto y = take_digits(text, 4);
    if (!y || !take(text, "-")) return std::nullopt;
    const auto m = take_digits(text, 2);
    if (!m || !take(text, "-")) return std::nullopt;
    const auto d = take_digits(text, 2);
    if (!d || !take(text, "Tt ")) return std::nullopt;
    const auto hour = take_digits(text, 2);
    if (!hour || !take(text, ":")) return std::nullopt;
    const auto minute = take_digits(text, 2);
    if (!minute || !take(text, ":")) return std::nullopt;
    const auto second = take_digits(text, 2);
    if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    const auto fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;

    const year_month_day date(year(*y), month(static_cast<unsigned>(*m)), day(static_cast<unsigned>(*d)));
    // Outside these years nanoseconds since 1970 do not fit into 64 bits.
    if (!date.ok() || *y < 1700 || *y > 2200) return std::nullopt;
    return wall_time(sys_days(date)) + hours(*hour) + minutes(*minute) + seconds(*second) + *fraction -
           *offset;
}

}  // namespace leasehold
