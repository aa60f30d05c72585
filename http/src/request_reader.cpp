#include "request_reader.hpp"

#include "text.hpp"
#include "wiped.hpp"

#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <utility>

namespace leasehold::http {
namespace {

namespace beast_http = boost::beast::http;
using wiped_body = beast_http::basic_string_body<char, std::char_traits<char>, wiping_allocator<char>>;
using parser_type = beast_http::request_parser<wiped_body>;
using std::chrono::steady_clock;

constexpr std::size_t read_size = 16U << 10U;

}  // namespace

struct request_reader::state
{
    explicit state(std::size_t limit) : header_limit(limit) {}

    std::size_t header_limit;
    wiped_string arrived;
    std::optional<parser_type> parser;

    // Feeds what has arrived to the parser until `is_enough`, or nothing is left.
    std::optional<read_end> feed()
    {
        while (!arrived.empty() && !is_enough()) {
            error_code failed;
            const auto used = parser->put(asio::buffer(arrived), failed);
            arrived.erase(0, used);
            if (failed == beast_http::error::need_more) return std::nullopt;
            if (failed == beast_http::error::header_limit || failed == beast_http::error::body_limit) {
                return read_end::too_large;
            }
            if (failed) return read_end::malformed;
        }
        return std::nullopt;
    }

    // Without eager(), put() stops at the end of the head.
    [[nodiscard]] bool is_enough() const
    {
        return parser->eager() ? parser->is_done() : parser->is_header_done();
    }

    task<std::size_t> pull(byte_stream& from, error_code& failed)
    {
        const auto kept = arrived.size();
        arrived.resize(kept + read_size);
        const auto count = co_await from.read_some(asio::buffer(arrived.data() + kept, read_size), failed);
        arrived.resize(kept + count);
        co_return count;
    }
};

request_reader::request_reader(std::size_t header_limit) : state_(std::make_unique<state>(header_limit)) {}
request_reader::~request_reader() = default;

task<read_end> request_reader::read_head(
    byte_stream& from, std::chrono::milliseconds idle, std::chrono::milliseconds active, bool& is_waiting
)
{
    state& now = *state_;
    now.parser.emplace();
    now.parser->header_limit(static_cast<std::uint32_t>(now.header_limit));
    now.parser->body_limit(boost::none);  // known once the route is

    is_waiting = now.arrived.empty();
    if (is_waiting) {
        from.expires_at(steady_clock::now() + idle);
        error_code failed;
        const auto count = co_await now.pull(from, failed);
        is_waiting = false;
        if (count == 0) co_return read_end::closed;
    }
    from.expires_at(steady_clock::now() + active);
    for (;;) {
        const auto refused = now.feed();
        if (refused) co_return *refused;
        if (now.is_enough()) co_return read_end::complete;
        error_code failed;
        const auto count = co_await now.pull(from, failed);
        if (count != 0) continue;
        if (is_timeout(failed)) co_return read_end::late;
        co_return read_end::lost;
    }
}

incoming request_reader::take_head() const
{
    const auto& message = state_->parser->get();
    incoming made;
    made.verb_text = std::string(message.method_string());
    made.verb = parse_method(made.verb_text);
    made.target = std::string(message.target());
    for (const auto& field : message)
        made.fields.add(std::string(field.name_string()), std::string(field.value()));
    return made;
}

std::optional<std::uint64_t> request_reader::content_length() const
{
    const auto length = state_->parser->content_length();
    if (!length) return std::nullopt;
    return *length;
}

bool request_reader::has_body() const
{
    return state_->parser->chunked() || content_length().value_or(0) != 0;
}

bool request_reader::expects_continue() const
{
    const auto value = state_->parser->get()[beast_http::field::expect];
    return equal_without_case(std::string_view(value.data(), value.size()), "100-continue");
}

bool request_reader::keep_alive() const
{
    return state_->parser->keep_alive();
}

task<read_end> request_reader::read_body(
    byte_stream& from, std::size_t limit, std::chrono::milliseconds active, std::string& body
)
{
    state& now = *state_;
    now.parser->body_limit(limit);
    now.parser->eager(true);
    from.expires_at(steady_clock::now() + active);
    for (;;) {
        const auto refused = now.feed();
        if (refused) co_return *refused;
        if (now.is_enough()) break;
        error_code failed;
        const auto count = co_await now.pull(from, failed);
        if (count != 0) continue;
        if (is_timeout(failed)) co_return read_end::late;
        co_return read_end::lost;
    }
    const auto& whole = now.parser->get().body();
    body.assign(whole.data(), whole.size());
    co_return read_end::complete;
}

}  // namespace leasehold::http
