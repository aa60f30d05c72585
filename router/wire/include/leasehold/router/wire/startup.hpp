#pragma once

#include <leasehold/router/wire/violation.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// What a client says before it is anybody: the packets without a type byte. Nothing here throws for what a
// peer sends.
namespace leasehold::router::wire {

inline constexpr std::size_t startup_length_min = 8;
inline constexpr std::size_t startup_length_max = 10'000;
inline constexpr std::uint32_t protocol_3_0 = 3U << 16;
inline constexpr std::uint32_t protocol_3_2 = (3U << 16) | 2U;

struct startup_parameter
{
    std::string_view name;
    std::string_view value;
};

// A StartupMessage that was checked whole: pairs complete, names neither empty nor repeated, all of it UTF-8,
// `user` present, replication false. Views into the caller's buffer: valid as long as those bytes.
class startup_message
{
public:
    // Requires: `pairs` passed the checks above (parse_first_packet alone makes one from foreign bytes).
    startup_message(std::uint32_t requested, std::string_view pairs) noexcept
        : requested_(requested)
        , pairs_(pairs)
    {}

    class iterator
    {
    public:
        explicit iterator(std::string_view rest) noexcept : rest_(rest) {}
        startup_parameter operator*() const noexcept;
        iterator& operator++() noexcept;
        bool operator==(const iterator& other) const noexcept { return rest_.size() == other.rest_.size(); }

    private:
        std::string_view rest_;
    };
    [[nodiscard]] iterator begin() const noexcept { return iterator(pairs_); }
    [[nodiscard]] iterator end() const noexcept { return iterator({}); }

    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
    [[nodiscard]] std::string_view user() const noexcept { return find("user").value_or(""); }
    // As sent; absent or empty means "as the user" to PostgreSQL and no route key to us.
    [[nodiscard]] std::string_view database() const noexcept { return find("database").value_or(""); }
    [[nodiscard]] std::string_view options() const noexcept { return find("options").value_or(""); }

    [[nodiscard]] std::uint32_t requested_version() const noexcept { return requested_; }
    // What is spoken from here on: 3.2 for 3.2 and newer, else 3.0.
    [[nodiscard]] std::uint32_t version() const noexcept;
    // Names of all `_pq_.*` parameters. We know none, so all of them go into NegotiateProtocolVersion.
    [[nodiscard]] std::vector<std::string_view> protocol_extensions() const;
    // One NegotiateProtocolVersion is owed before authentication.
    [[nodiscard]] bool needs_negotiation() const;

private:
    std::uint32_t requested_;
    std::string_view pairs_;
};

struct need_more
{
    std::size_t total;  // bytes in all before asking again makes sense
};
struct ssl_request
{};
struct gssenc_request
{};
struct direct_tls  // a TLS record: consumes nothing
{};
struct probe  // an HTTP verb: close, count, no log line
{};
struct cancel_request
{
    std::uint32_t pid;
    std::string_view key;  // 4 to 256 bytes
};
using first_packet = std::variant<
    need_more,
    ssl_request,
    gssenc_request,
    direct_tls,
    probe,
    cancel_request,
    startup_message,
    violation>;

// The packets of one client before authentication, in the order they may come: GSSENCRequest and
// SSLRequest at most once, neither inside TLS, nothing in clear text between SSLRequest and the handshake; a
// TLS record only as the very first byte.
class startup_parser
{
public:
    // Looks at all bytes received and not yet consumed. After any answer but need_more, consumed() bytes are
    // done with.
    [[nodiscard]] first_packet next(std::string_view bytes) noexcept;
    [[nodiscard]] std::size_t consumed() const noexcept { return consumed_; }
    // The handshake has succeeded: from here on only StartupMessage and CancelRequest may come.
    void tls_started() noexcept { in_tls_ = true; }

private:
    first_packet refuse(violation why) noexcept;

    bool in_tls_ = false;
    bool first_ = true;
    bool asked_ssl_ = false;
    bool asked_gss_ = false;
    std::size_t consumed_ = 0;
};

struct setting
{
    std::string name;  // dashes turned into underscores, as PostgreSQL does
    std::string value;
    friend bool operator==(const setting&, const setting&) = default;
};

// The start-up parameter `options`: `-c k=v`, `-ck=v`, `--k=v`, separated by white space, a backslash takes
// the next character as it is. Anything else is refused. Names are not judged here.
using options_result = std::variant<std::vector<setting>, violation>;
[[nodiscard]] options_result parse_options(std::string_view options);

// A server's one-byte answer to our SSLRequest. More than one byte before the handshake is an injection:
// refused.
enum class ssl_answer : std::uint8_t
{
    need_more,
    accepted,
    denied,
    refused
};
[[nodiscard]] ssl_answer parse_ssl_answer(std::string_view bytes) noexcept;

}  // namespace leasehold::router::wire
