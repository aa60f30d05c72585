#include "target.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/parse_query.hpp>
#include <boost/url/url_view.hpp>

namespace leasehold::http {

namespace urls = boost::urls;

std::optional<target_parts> parse_target(std::string_view target)
{
    const auto parsed = urls::parse_origin_form(urls::string_view(target.data(), target.size()));
    if (!parsed) return std::nullopt;
    const urls::url_view& whole = *parsed;
    target_parts made;
    made.path = std::string(whole.encoded_path());
    made.query = std::string(whole.encoded_query());
    for (const urls::pct_string_view segment : whole.encoded_segments()) {
        std::string text = segment.decode();
        if (text.find('\0') != std::string::npos) return std::nullopt;
        made.segments.push_back(std::move(text));
    }
    return made;
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view encoded)
{
    std::vector<std::pair<std::string, std::string>> made;
    if (encoded.empty()) return made;
    const auto parsed = urls::parse_query(urls::string_view(encoded.data(), encoded.size()));
    if (!parsed) return std::nullopt;
    urls::encoding_opts options;
    options.space_as_plus = true;
    for (const urls::param_pct_view one : *parsed) {
        std::string name = one.key.decode(options);
        std::string value = one.has_value ? one.value.decode(options) : std::string();
        const bool has_nul = name.find('\0') != std::string::npos || value.find('\0') != std::string::npos;
        if (has_nul) return std::nullopt;
        made.emplace_back(std::move(name), std::move(value));
    }
    return made;
}

}  // namespace leasehold::http
