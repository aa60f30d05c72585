#pragma once

#include <leasehold/base/error.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace leasehold::log {

// One field of a line. Values are text, numbers or booleans; a secret<T> has no conversion and does not
// compile.
class field
{
public:
    field(std::string_view name, std::string_view value) : name_(name), text_(value), quoted_(true) {}
    field(std::string_view name, const std::string& value) : name_(name), text_(value), quoted_(true) {}
    field(std::string_view name, const char* value) : name_(name), text_(value), quoted_(true) {}
    field(std::string_view name, bool value) : name_(name), text_(value ? "true" : "false") {}
    template <class Number>
    requires std::is_integral_v<Number> field(std::string_view name, Number value)
        : name_(name)
        , text_(std::to_string(value))
    {}
    field(std::string_view name, double value) : name_(name), text_(number_text(value)) {}

    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] bool is_quoted() const noexcept { return quoted_; }

private:
    static std::string number_text(double value);

    std::string_view name_;
    std::string text_;
    bool quoted_ = false;
};
using fields = std::initializer_list<field>;

// One JSON object a line on stderr: at, level, event, then the fields in their order. `event` is a constant,
// "noun.verb". Any thread. info: state changed. warn: degraded but handled. error: a person must look. Values
// of SQL never appear.
void write(log_level level, std::string_view event, fields data = {});
inline void debug(std::string_view event, fields data = {})
{
    write(log_level::debug, event, data);
}
inline void info(std::string_view event, fields data = {})
{
    write(log_level::info, event, data);
}
inline void warn(std::string_view event, fields data = {})
{
    write(log_level::warn, event, data);
}
inline void error(std::string_view event, fields data = {})
{
    write(log_level::error, event, data);
}

// At the rim, once: code, kind and what() of an error beside the fields, at its kind's level.
void failure(std::string_view event, const std::exception& why, fields data = {});

enum class form : std::uint8_t
{
    json,
    text
};
// Any thread, any time. Lines below `least` are dropped.
void configure(log_level least, form how);

}  // namespace leasehold::log
