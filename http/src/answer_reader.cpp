#include "answer_reader.hpp"

#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <utility>

namespace leasehold::http {
namespace {

namespace beast_http = boost::beast::http;
using wiped_body = beast_http::basic_string_body<char, std::char_traits<char>, wiping_allocator<char>>;
using answer_parser = beast_http::response_parser<wiped_body>;

constexpr std::size_t read_size = 16U << 10U;
constexpr std::uint32_t header_limit = 64U << 10U;

void fail(exchange_end& end, exchange_failure what, std::string detail)
{
    end.failure = what;
    end.is_lost = what == exchange_failure::answer_lost;
    end.detail = std::move(detail);
}

void begin(std::optional<answer_parser>& parser, std::size_t body_limit)
{
    parser.emplace();
    parser->header_limit(header_limit);
    parser->body_limit(body_limit);
    parser->eager(true);
}

// Feeds what has arrived. False: the answer is not acceptable, and `end` says why.
bool feed(
    std::optional<answer_parser>& parser, wiped_string& arrived, std::size_t body_limit, exchange_end& end
)
{
    if (!parser->got_some() && arrived.size() >= 2 && arrived[0] == '\x15' && arrived[1] == '\x03') {
        fail(end, exchange_failure::tls, "the peer speaks TLS, not plain HTTP");
        return false;
    }
    while (!arrived.empty()) {
        error_code failed;
        const auto used = parser->put(asio::buffer(arrived), failed);
        arrived.erase(0, used);
        if (failed == beast_http::error::need_more) return true;
        if (failed == beast_http::error::body_limit || failed == beast_http::error::header_limit) {
            fail(
                end,
                exchange_failure::too_large,
                "the answer is larger than " + std::to_string(body_limit) + " bytes"
            );
            return false;
        }
        if (failed) {
            fail(end, exchange_failure::malformed, "not an HTTP answer: " + failed.message());
            return false;
        }
        if (!parser->is_done()) return true;
        const auto status = parser->get().result_int();
        const bool is_interim = status >= 100 && status < 200 && status != 101;
        if (!is_interim) return true;
        begin(parser, body_limit);
    }
    return true;
}

answer take(answer_parser& parser)
{
    auto message = parser.release();
    answer made;
    made.status = static_cast<int>(message.result_int());
    for (const auto& field : message)
        made.fields.add(std::string(field.name_string()), std::string(field.value()));
    made.body.assign(message.body().data(), message.body().size());
    return made;
}

}  // namespace

task<exchange_end> read_answer(byte_stream& from, std::size_t body_limit)
{
    exchange_end end;
    std::optional<answer_parser> parser;
    begin(parser, body_limit);
    wiped_string arrived;
    while (!parser->is_done()) {
        const auto kept = arrived.size();
        arrived.resize(kept + read_size);
        error_code failed;
        const auto count = co_await from.read_some(asio::buffer(arrived.data() + kept, read_size), failed);
        arrived.resize(kept + count);
        if (count != 0) {
            const bool usable = feed(parser, arrived, body_limit, end);
            if (!usable) co_return end;
            continue;
        }
        if (failed == asio::error::eof && parser->is_header_done() && parser->need_eof()) {
            parser->put_eof(failed);  // a body that the end of the connection delimits; TLS must have said so
        }
        if (failed) {
            const std::string why =
                is_timeout(failed) ? "no answer in time" : "the connection ended: " + failed.message();
            fail(end, exchange_failure::answer_lost, why);
            co_return end;
        }
    }
    end.may_be_kept = parser->keep_alive() && arrived.empty();
    end.got.emplace(take(*parser));
    co_return end;
}

}  // namespace leasehold::http
