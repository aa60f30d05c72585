#include <leasehold/http/route.hpp>

#include <utility>

namespace leasehold::http {
namespace {

segment read_segment(std::string_view text)
{
    segment made;
    const bool is_parameter = text.size() > 2 && text.front() == '{' && text.back() == '}';
    if (!is_parameter) {
        made.text = std::string(text);
        return made;
    }
    text = text.substr(1, text.size() - 2);
    const auto colon = text.find(':');
    made.text = std::string(text.substr(0, colon));
    made.kind = segment_kind::id;
    if (colon == std::string_view::npos) return made;
    const auto kind = text.substr(colon + 1);
    if (kind == "text")
        made.kind = segment_kind::text;
    else if (kind == "rest")
        made.kind = segment_kind::rest;
    else
        throw error(
            error_kind::internal,
            "route_invalid",
            "a path parameter is text or rest, not " + std::string(kind)
        );
    return made;
}

std::vector<segment> read_pattern(const std::string& path)
{
    std::vector<segment> made;
    std::string_view left = path;
    if (left.empty() || left.front() != '/') {
        throw error(error_kind::internal, "route_invalid", "a path begins with a slash: " + path);
    }
    left.remove_prefix(1);
    while (!left.empty()) {
        const auto end = left.find('/');
        made.push_back(read_segment(left.substr(0, end)));
        left = end == std::string_view::npos ? std::string_view() : left.substr(end + 1);
    }
    return made;
}

}  // namespace

route::route(method how, std::string path, permission needed, std::unique_ptr<route_call> call)
    : verb_(how)
    , path_(std::move(path))
    , needed_(needed)
    , call_(std::move(call))
    , segments_(read_pattern(path_))
{}

route& route::body_limit(std::size_t bytes)
{
    body_limit_ = bytes;
    return *this;
}

route& route::gzip(std::size_t unpacked_limit)
{
    unpacked_limit_ = unpacked_limit;
    return *this;
}

route& route::patience(std::chrono::milliseconds limit)
{
    patience_ = limit;
    return *this;
}

route& route::summary(std::string text)
{
    summary_ = std::move(text);
    return *this;
}

route& route::codes(std::vector<std::string> codes)
{
    codes_ = std::move(codes);
    return *this;
}

route& route::quiet()
{
    is_quiet_ = true;
    return *this;
}

}  // namespace leasehold::http
