#include "packages.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <compare>
#include <utility>

namespace leasehold::agent {
namespace {

constexpr auto status_file = "/var/lib/dpkg/status";
constexpr std::size_t largest_status = std::size_t{64} << 20U;

std::string_view trimmed(std::string_view text)
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
        text.remove_suffix(1);
    return text;
}

// "install ok installed": want, error flag, state.
bool is_installed(std::string_view status)
{
    const auto last = status.rfind(' ');
    return status.substr(last == std::string_view::npos ? 0 : last + 1) == "installed";
}

}  // namespace

std::vector<package> parse_dpkg_status(std::string_view text)
{
    std::vector<package> found;
    std::string_view name;
    std::string_view version;
    std::string_view status;
    const auto finish = [&] {
        if (!name.empty() && !version.empty() && is_installed(status)) {
            found.emplace_back(std::string(name), std::string(version), "dpkg");
        }
        name = version = status = {};
    };
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (trimmed(line).empty()) {
            finish();
            continue;
        }
        if (line.front() == ' ' || line.front() == '\t') continue;  // goes on with the field before
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const auto field = line.substr(0, colon);
        const auto value = trimmed(line.substr(colon + 1));
        if (field == "Package") name = value;
        if (field == "Version") version = value;
        if (field == "Status") status = value;
    }
    finish();
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

std::vector<package> collect_packages()
{
    try {
        return parse_dpkg_status(load_file(status_file, largest_status));
    } catch (const error& failed) {
        if (failed.kind() == error_kind::not_found) return {};
        throw;
    }
}

std::string digest_of(const std::vector<package>& packages)
{
    std::string text;
    for (const auto& one : packages)
        text.append(one.manager).append("\t").append(one.name).append("\t").append(one.version).append("\n");
    return crypto::to_hex(crypto::view(crypto::sha256(text)));
}

nlohmann::json to_document(const std::vector<package>& packages, const std::string& collected_at)
{
    auto list = nlohmann::json::array();
    for (const auto& one : packages) {
        list.push_back({{"name", one.name}, {"version", one.version}, {"manager", one.manager}});
    }
    return {{"collected_at", collected_at}, {"sha256", digest_of(packages)}, {"packages", std::move(list)}};
}

}  // namespace leasehold::agent
