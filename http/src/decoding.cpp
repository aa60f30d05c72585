#include <leasehold/http/codec.hpp>

namespace leasehold::http {
namespace {

constexpr std::size_t most_problems = 50;

// RFC 6901.
void append_escaped(std::string& pointer, const std::string& member)
{
    for (const char c : member) {
        if (c == '~')
            pointer += "~0";
        else if (c == '/')
            pointer += "~1";
        else
            pointer += c;
    }
}

}  // namespace

void decoding::fail(std::string code, std::string detail)
{
    if (problems_.size() >= most_problems) return;
    std::string pointer;
    for (const auto& member : path_) {
        pointer += from_query_ && pointer.empty() ? '?' : '/';
        append_escaped(pointer, member);
    }
    problems_.emplace_back(std::move(pointer), std::move(code), std::move(detail));
}

void decoding::enter(std::string_view member)
{
    path_.emplace_back(member);
}

void decoding::leave()
{
    path_.pop_back();
}

}  // namespace leasehold::http
