#include "greeting.hpp"

#include "plain_answer.hpp"

namespace leasehold::http {

greeting recognise(std::string_view first) noexcept
{
    if (first.empty()) return greeting::unknown;
    if (first[0] == '\x16') return greeting::tls;
    if (first[0] >= 'A' && first[0] <= 'Z') return greeting::http;
    // A start-up packet: a length below 64 KiB, then protocol 3.x or one of the request codes 1234.567x.
    if (first.size() >= 6 && first[0] == '\0' && first[1] == '\0') {
        const auto code = first.substr(4, 2);
        if (code == std::string_view("\x00\x03", 2) || code == std::string_view("\x04\xd2", 2)) {
            return greeting::postgresql;
        }
    }
    return greeting::unknown;
}

std::string answer_to(greeting heard, bool expects_tls)
{
    if (heard == greeting::postgresql) {  // an ErrorResponse, which libpq shows as it is
        std::string fields;
        const auto add = [&](char type, std::string_view text) {
            fields.append(1, type).append(text).append(1, '\0');
        };
        add('S', "FATAL");
        add('V', "FATAL");
        add('C', "08P01");
        add('M', "this port speaks HTTP, not the PostgreSQL protocol [http_expected]");
        fields.append(1, '\0');
        const auto length = fields.size() + 4;
        std::string message("E\0\0", 3);
        message.append(1, static_cast<char>(length >> 8U)).append(1, static_cast<char>(length & 0xffU));
        return message + fields;
    }
    if (expects_tls && heard == greeting::http) {
        return plain_answer(400, "tls_expected", "this port speaks HTTPS: use https://");
    }
    if (!expects_tls && heard == greeting::tls) {
        return plain_answer(400, "tls_unexpected", "this port speaks plain HTTP: use http://");
    }
    return plain_answer(400, "http_expected", "this port speaks HTTP/1.1");
}

}  // namespace leasehold::http
