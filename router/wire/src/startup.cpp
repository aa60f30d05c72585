#include "utf8.hpp"

#include <leasehold/router/wire/message.hpp>
#include <leasehold/router/wire/startup.hpp>

#include <algorithm>
#include <array>

namespace leasehold::router::wire {
namespace {

constexpr std::uint32_t code_cancel = 80877102;
constexpr std::uint32_t code_ssl = 80877103;
constexpr std::uint32_t code_gssenc = 80877104;
constexpr std::size_t parameters_max = 128;
constexpr std::size_t cancel_key_min = 4;
constexpr std::size_t cancel_key_max = 256;
constexpr char tls_handshake_record = 0x16;
constexpr std::string_view extension_prefix = "_pq_.";

constexpr std::array<std::string_view, 10> http_verbs{
    "GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI "};

bool begins_like_http(std::string_view bytes) noexcept
{
    const auto start = bytes.substr(0, 4);
    return std::any_of(http_verbs.begin(), http_verbs.end(), [&](std::string_view verb) {
        return verb.substr(0, start.size()) == start;
    });
}

// PostgreSQL's own spellings of false, any prefix of the words included.
bool is_false(std::string_view value) noexcept
{
    constexpr std::array<std::string_view, 6> words{"f", "fa", "fal", "fals", "false", "0"};
    std::array<char, 5> lower{};
    if (value.empty() || value.size() > lower.size()) return false;
    std::transform(value.begin(), value.end(), lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const std::string_view folded(lower.data(), value.size());
    return folded == "n" || folded == "no" || folded == "of" || folded == "off" ||
           std::find(words.begin(), words.end(), folded) != words.end();
}

// The pair list up to and without the NUL that ends it: every text has its own NUL.
std::optional<violation> check_pairs(std::string_view pairs) noexcept
{
    const startup_message whole(protocol_3_0, pairs);
    std::size_t texts = 0;
    for (std::size_t at = 0; at < pairs.size(); ++texts) {
        const auto end = pairs.find('\0', at);
        if (end == std::string_view::npos) return protocol_violation("start-up parameter without its end");
        const auto text = pairs.substr(at, end - at);
        if (texts % 2 == 0 && text.empty()) return protocol_violation("start-up parameter without a name");
        if (!is_utf8(text)) return protocol_violation("start-up parameter is not UTF-8");
        at = end + 1;
    }
    if (texts % 2 != 0) return protocol_violation("start-up parameter without a value");
    // The comparison of all with all below must stay cheap: a stranger sends this.
    if (texts > 2 * parameters_max) return protocol_violation("too many start-up parameters");
    for (auto one = whole.begin(); one != whole.end(); ++one) {
        auto other = one;
        for (++other; other != whole.end(); ++other)
            if ((*one).name == (*other).name) return protocol_violation("start-up parameter given twice");
    }
    if (whole.user().empty()) return protocol_violation("start-up message without a user");
    if (const auto replication = whole.find("replication"); replication && !is_false(*replication))
        return protocol_unsupported("replication is not supported");
    return std::nullopt;
}

first_packet parse_cancel(std::string_view body) noexcept
{
    if (body.size() < 4 + cancel_key_min || body.size() > 4 + cancel_key_max)
        return protocol_violation("cancel request of a wrong length");
    return cancel_request{load_u32(body), body.substr(4)};
}

first_packet parse_startup(std::uint32_t version, std::string_view body) noexcept
{
    if (version >> 16U != 3) return protocol_unsupported("only protocol versions 3.0 and 3.2 are spoken");
    if (body.empty() || body.back() != '\0') return protocol_violation("start-up message without its end");
    body.remove_suffix(1);
    if (const auto wrong = check_pairs(body)) return *wrong;
    return startup_message(version, body);
}

}  // namespace

startup_parameter startup_message::iterator::operator*() const noexcept
{
    const auto name = rest_.substr(0, rest_.find('\0'));
    const auto after = rest_.substr(name.size() + 1);
    return {name, after.substr(0, after.find('\0'))};
}

startup_message::iterator& startup_message::iterator::operator++() noexcept
{
    const auto pair = **this;
    rest_.remove_prefix(pair.name.size() + pair.value.size() + 2);
    return *this;
}

std::optional<std::string_view> startup_message::find(std::string_view name) const noexcept
{
    for (const auto& parameter : *this)
        if (parameter.name == name) return parameter.value;
    return std::nullopt;
}

std::uint32_t startup_message::version() const noexcept
{
    return requested_ >= protocol_3_2 ? protocol_3_2 : protocol_3_0;
}

std::vector<std::string_view> startup_message::protocol_extensions() const
{
    std::vector<std::string_view> names;
    for (const auto& parameter : *this)
        if (parameter.name.starts_with(extension_prefix)) names.push_back(parameter.name);
    return names;
}

bool startup_message::needs_negotiation() const
{
    return requested_ != version() || !protocol_extensions().empty();
}

first_packet startup_parser::refuse(violation why) noexcept
{
    consumed_ = 0;
    return why;
}

first_packet startup_parser::next(std::string_view bytes) noexcept
{
    consumed_ = 0;
    if (bytes.empty()) return need_more{1};
    if (first_ && bytes.front() == tls_handshake_record) {
        if (in_tls_) return refuse(protocol_violation("TLS inside TLS"));
        return direct_tls{};
    }
    if (begins_like_http(bytes)) {
        if (bytes.size() < 4) return need_more{4};
        return probe{};
    }
    // A length of 10,000 leaves the upper two bytes zero: junk is known by its first byte.
    if (bytes.front() != 0) return refuse(protocol_violation("start-up packet of a wrong length"));
    if (bytes.size() < 4) return need_more{startup_length_min};
    const std::size_t length = load_u32(bytes);
    if (length < startup_length_min || length > startup_length_max)
        return refuse(protocol_violation("start-up packet of a wrong length"));
    if (bytes.size() < startup_length_min) return need_more{startup_length_min};

    const auto code = load_u32(bytes.substr(4));
    if (code == code_ssl || code == code_gssenc) {
        auto& asked = code == code_ssl ? asked_ssl_ : asked_gss_;
        if (length != startup_length_min)
            return refuse(protocol_violation("encryption request of a wrong length"));
        if (in_tls_) return refuse(protocol_violation("encryption request inside TLS"));
        if (asked) return refuse(protocol_violation("encryption requested twice"));
        if (code == code_gssenc && asked_ssl_)
            return refuse(protocol_violation("encryption requests out of order"));
        // Bytes in clear text behind the request could be taken for bytes from inside TLS later.
        if (bytes.size() > length) return refuse(protocol_violation("data behind an encryption request"));
        asked = true;
        first_ = false;
        consumed_ = length;
        if (code == code_ssl) return ssl_request{};
        return gssenc_request{};
    }
    if (bytes.size() < length) return need_more{length};
    const auto body = bytes.substr(8, length - 8);
    auto packet = code == code_cancel ? parse_cancel(body) : parse_startup(code, body);
    if (!std::holds_alternative<violation>(packet)) consumed_ = length;
    first_ = false;
    return packet;
}

ssl_answer parse_ssl_answer(std::string_view bytes) noexcept
{
    if (bytes.empty()) return ssl_answer::need_more;
    if (bytes.size() > 1) return ssl_answer::refused;
    if (bytes.front() == 'S') return ssl_answer::accepted;
    return bytes.front() == 'N' ? ssl_answer::denied : ssl_answer::refused;
}

}  // namespace leasehold::router::wire
