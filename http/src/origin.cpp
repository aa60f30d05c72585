#include "text.hpp"

#include <leasehold/http/client.hpp>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace leasehold::http {

std::string origin::to_string() const
{
    const bool v6 = host.find(':') != std::string::npos;
    const std::string name = v6 ? "[" + host + "]" : host;
    return (tls ? "https://" : "http://") + name + ":" + std::to_string(port);
}

std::optional<origin> origin::parse(std::string_view url)
{
    const auto parsed = boost::urls::parse_uri(boost::urls::string_view(url.data(), url.size()));
    if (!parsed) return std::nullopt;
    const boost::urls::url_view& whole = *parsed;
    const std::string scheme(whole.scheme());
    const bool tls = equal_without_case(scheme, "https");
    if (!tls && !equal_without_case(scheme, "http")) return std::nullopt;
    const std::string path(whole.encoded_path());
    const bool plain_path = path.empty() || path == "/";
    if (!plain_path || whole.has_query() || whole.has_fragment() || whole.has_userinfo()) return std::nullopt;

    origin made;
    made.tls = tls;
    made.port = tls ? 443 : 80;
    if (whole.has_port()) {
        made.port = whole.port_number();  // 65535 for what is larger
        const bool is_exact = std::to_string(made.port) == std::string(whole.port());
        if (made.port == 0 || !is_exact) return std::nullopt;
    }
    // A literal v6 address is [::1] in a URL and ::1 to a resolver.
    std::string host(whole.host());
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    for (char& c : host) c = to_lower(c);
    if (host.empty()) return std::nullopt;
    made.host = std::move(host);
    return made;
}

}  // namespace leasehold::http
