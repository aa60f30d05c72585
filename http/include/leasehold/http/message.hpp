#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leasehold::http {

enum class method : std::uint8_t
{
    get,
    post,
    put,
    patch,
    del,
    list,
    other
};  // list: the broker's LIST verb
std::string_view to_text(method verb) noexcept;
method parse_method(std::string_view text) noexcept;  // `other` for what is none of them

// Header fields in their order; names compare without case.
class headers
{
public:
    void set(std::string name, std::string value);  // replaces those of that name
    void add(std::string name, std::string value);
    // The first of that name.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept
    {
        return fields_;
    }
    void wipe() noexcept;  // overwrites every value

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

// Of "Authorization: Bearer …". The text is a secret: hand it on, never keep it.
std::optional<std::string_view> bearer_in(const headers& fields);

// A request as it arrived at a listener.
struct incoming
{
    incoming() = default;
    incoming(method how, std::string where) : verb(how), target(std::move(where)) {}

    method verb = method::get;
    std::string verb_text;  // as sent, also where it is `other`
    std::string target;     // path and query, still encoded
    headers fields;
    std::string body;
    std::string peer;  // address without port; "unix" on a Unix socket
    bool is_tls = false;
    std::string server_name;  // SNI of its connection, as sent; empty: none
    std::chrono::steady_clock::time_point arrived_at =
        std::chrono::steady_clock::now();  // its head was complete
};

// What a listener sends back. Content-Length, Date and Connection are the listener's.
struct reply
{
    reply() = default;
    explicit reply(int code) : status(code) {}
    reply(int code, std::string media_type, std::string content) : status(code), body(std::move(content))
    {
        fields.set("Content-Type", std::move(media_type));
    }

    int status = 204;
    headers fields;
    std::string body;
};

}  // namespace leasehold::http
