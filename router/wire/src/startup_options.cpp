#include <leasehold/router/wire/startup.hpp>

#include <algorithm>

namespace leasehold::router::wire {
namespace {

bool is_space(char c) noexcept
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// As PostgreSQL's pg_split_opts(): white space parts words, a backslash takes the next character as it is.
std::vector<std::string> split_words(std::string_view text)
{
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        if (is_space(text[at])) {
            ++at;
            continue;
        }
        std::string word;
        for (; at < text.size() && !is_space(text[at]); ++at) {
            if (text[at] == '\\' && ++at == text.size()) break;  // a last backslash stands for nothing
            word += text[at];
        }
        words.push_back(std::move(word));
    }
    return words;
}

std::optional<setting> parse_setting(std::string_view text)
{
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) return std::nullopt;
    setting one{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
    std::replace(one.name.begin(), one.name.end(), '-', '_');
    return one;
}

}  // namespace

options_result parse_options(std::string_view options)
{
    std::vector<setting> settings;
    const auto words = split_words(options);
    for (auto word = words.begin(); word != words.end(); ++word) {
        std::string_view text(*word);
        if (text == "-c") {
            if (++word == words.end()) return protocol_violation("options: -c without a setting");
            text = *word;
        } else if (text.starts_with("--") || text.starts_with("-c")) {
            text.remove_prefix(2);
        } else {
            return protocol_violation("options: only -c name=value and --name=value are understood");
        }
        auto one = parse_setting(text);
        if (!one) return protocol_violation("options: a setting without name or value");
        settings.push_back(std::move(*one));
    }
    return settings;
}

}  // namespace leasehold::router::wire
