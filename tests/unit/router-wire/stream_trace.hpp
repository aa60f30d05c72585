#pragma once

#include <leasehold/router/wire/client_stream.hpp>
#include <leasehold/router/wire/server_stream.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::router::wire::test {

inline std::string facts_of(const client_event& event)
{
    std::string facts;
    if (!event.statement.empty()) facts += " statement=" + std::string(event.statement);
    if (!event.portal.empty()) facts += " portal=" + std::string(event.portal);
    if (event.target != 0) facts += std::string(" target=") + event.target;
    return facts;
}

inline std::string facts_of(const server_event& event)
{
    std::string facts;
    if (event.status != 0) facts += std::string(" status=") + event.status;
    if (!event.sqlstate.empty()) facts += " sqlstate=" + std::string(event.sqlstate);
    if (event.is_fatal) facts += " fatal";
    if (!event.name.empty()) facts += " name=" + std::string(event.name);
    if (!event.text.empty()) facts += " text=" + std::string(event.text);
    if (event.message == server_message::authentication) facts += " code=" + std::to_string(event.code);
    if (event.pid != 0) facts += " pid=" + std::to_string(event.pid);
    return facts;
}

inline session_features found_in(const client_event& event)
{
    return event.found;
}

inline session_features found_in(const server_event&)
{
    return {};
}

// What a stream says of some bytes, one line a message, whatever pieces they come in. The bytes arrive as
// `arrivals` says: so many at a time, what was not taken is given again with more behind it.
template <class Stream>
struct trace
{
    std::vector<std::string> messages;
    session_features found;
    std::string violation;
    std::size_t passed = 0;

    void run(Stream& stream, std::string_view bytes, const std::vector<std::size_t>& arrivals)
    {
        std::size_t there = 0;
        for (const auto arrival : arrivals) {
            there += arrival;
            while (violation.empty()) {
                const auto rest = bytes.substr(passed, there - passed);
                const auto event = stream.next(rest);
                using kind = typename decltype(event)::kind;
                if (event.what == kind::violation) {
                    violation = event.why.code;
                } else if (event.what == kind::need_more) {
                    EXPECT_GT(event.total, rest.size()) << "asks for what it has";
                    EXPECT_EQ(event.size, 0U);
                    break;
                } else {
                    take(event, rest.size());
                }
            }
        }
    }

private:
    template <class Event>
    void take(const Event& event, std::size_t available)
    {
        EXPECT_GT(event.size, 0U);
        EXPECT_LE(event.size, available);
        passed += event.size;
        found.add(found_in(event));
        if (event.begins) messages.push_back(event.type + std::to_string(event.total) + facts_of(event));
        in_message_ += event.size;
        if (event.begins) wanted_ = event.total;
        EXPECT_EQ(event.ends, in_message_ == wanted_);
        if (event.ends) in_message_ = 0;
    }

    std::size_t in_message_ = 0;
    std::size_t wanted_ = 0;
};

// The trace of the bytes in one go, after it was found to be the same cut at every byte and given byte by
// byte.
template <class Stream, class... Args>
trace<Stream> trace_of(std::string_view bytes, Args... args)
{
    const auto follow = [&](const std::vector<std::size_t>& arrivals) {
        Stream stream(args...);
        trace<Stream> one;
        one.run(stream, bytes, arrivals);
        return one;
    };
    const auto whole = follow({bytes.size()});
    const auto expect_same = [&](const trace<Stream>& other, std::size_t cut) {
        EXPECT_EQ(other.messages, whole.messages) << "cut at " << cut;
        EXPECT_EQ(other.violation, whole.violation) << "cut at " << cut;
        EXPECT_EQ(other.passed, whole.passed) << "cut at " << cut;
        EXPECT_EQ(other.found, whole.found) << "cut at " << cut;
    };
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) expect_same(follow({cut, bytes.size() - cut}), cut);
    expect_same(follow(std::vector<std::size_t>(bytes.size(), 1)), 0);
    return whole;
}

}  // namespace leasehold::router::wire::test
