#include "machine.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>

#include <nlohmann/json.hpp>

#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <ifaddrs.h>
#include <memory>
#include <net/if.h>
#include <netinet/in.h>
#include <set>
#include <sstream>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace leasehold::agent {
namespace {

using nlohmann::json;

std::string text_of(const char* file)
{
    try {
        return load_file(file);
    } catch (const error&) {
        return {};
    }
}

std::string line_of(const char* file)
{
    auto text = text_of(file);
    return text.substr(0, text.find('\n'));
}

std::map<std::string, std::string> os_release()
{
    auto facts = parse_os_release(text_of("/etc/os-release"));
    if (facts.empty()) facts = parse_os_release(text_of("/usr/lib/os-release"));
    return facts;
}

std::string host_name()
{
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return {};
    return name.data();
}

// The first name that /etc/hosts gives and that extends the host's; no question is put to the DNS.
std::string full_name(const std::string& name)
{
    std::istringstream hosts(text_of("/etc/hosts"));
    for (std::string line; std::getline(hosts, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string word;
        words >> word;
        while (words >> word) {
            if (word.starts_with(name + ".")) return word;
        }
    }
    return name;
}

json os_document()
{
    const auto release = os_release();
    const auto of = [&](const char* key) {
        const auto at = release.find(key);
        return at == release.end() ? std::string() : at->second;
    };
    utsname kernel{};
    ::uname(&kernel);
    return {
        {"name", of("NAME")},
        {"version", of("VERSION_ID")},
        {"id", of("ID")},
        {"pretty_name", of("PRETTY_NAME")},
        {"kernel", std::string(kernel.release)},
        {"architecture", std::string(kernel.machine)}};
}

json cpu_document()
{
    std::istringstream lines(text_of("/proc/cpuinfo"));
    std::string model;
    std::set<std::string> cores;
    std::string package = "0";
    int threads = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos) continue;
        const auto name = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
        const auto value = colon + 2 <= line.size() ? line.substr(colon + 2) : std::string();
        if (name == "processor") ++threads;
        if (name == "model name" && model.empty()) model = value;
        if (name == "physical id") package = value;
        if (name == "core id") cores.insert(package + "/" + value);
    }
    const auto count = cores.empty() ? threads : static_cast<int>(cores.size());
    return {{"model", model}, {"threads", threads}, {"cores", count}};
}

json memory_document()
{
    const auto facts = parse_meminfo(text_of("/proc/meminfo"));
    const auto of = [&](const char* key) {
        const auto at = facts.find(key);
        return at == facts.end() ? std::int64_t{0} : static_cast<std::int64_t>(at->second);
    };
    return {{"total_bytes", of("MemTotal")}, {"swap_bytes", of("SwapTotal")}};
}

struct space
{
    std::int64_t total = 0;
    std::int64_t free = 0;
};

space space_of(const std::string& folder)
{
    struct statvfs facts
    {};
    if (::statvfs(folder.c_str(), &facts) != 0) return {};
    const auto block = static_cast<std::int64_t>(facts.f_frsize);
    return {
        static_cast<std::int64_t>(facts.f_blocks) * block, static_cast<std::int64_t>(facts.f_bavail) * block};
}

// File systems on a device, each device once; what the kernel makes up (proc, cgroup, …) has no space.
json disks_document()
{
    auto list = json::array();
    std::set<std::string> seen;
    std::istringstream mounts(text_of("/proc/self/mounts"));
    for (std::string line; std::getline(mounts, line) && list.size() < 256;) {
        std::istringstream words(line);
        std::string device;
        std::string folder;
        std::string type;
        words >> device >> folder >> type;
        if (!device.starts_with('/') && folder != "/") continue;
        if (!seen.insert(device).second) continue;
        const auto size = space_of(folder);
        if (size.total == 0) continue;
        list.push_back(
            {{"device", device},
             {"mount", folder},
             {"type", type},
             {"total_bytes", size.total},
             {"free_bytes", size.free}}
        );
    }
    json document;
    document["disks"] = std::move(list);
    return document;
}

json addresses_document()
{
    auto list = json::array();
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) return {{"addresses", std::move(list)}};
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(first, ::freeifaddrs);
    for (const auto* one = first; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
        const int family = one->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        const void* raw =
            family == AF_INET
                ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr)
                : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr);
        std::array<char, INET6_ADDRSTRLEN> text{};
        if (::inet_ntop(family, raw, text.data(), text.size()) == nullptr) continue;
        list.push_back(
            {{"interface", std::string(one->ifa_name)},
             {"family", family == AF_INET ? "ipv4" : "ipv6"},
             {"address", std::string(text.data())}}
        );
    }
    json document;
    document["addresses"] = std::move(list);
    return document;
}

}  // namespace

std::map<std::string, std::string> parse_os_release(std::string_view text)
{
    std::map<std::string, std::string> facts;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto equals = line.find('=');
        if (equals == std::string_view::npos || line.starts_with('#')) continue;
        auto value = line.substr(equals + 1);
        if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
            value.back() == value.front()) {
            value = value.substr(1, value.size() - 2);
        }
        facts[std::string(line.substr(0, equals))] = std::string(value);
    }
    return facts;
}

std::map<std::string, double> parse_meminfo(std::string_view text)
{
    std::map<std::string, double> facts;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos) continue;
        std::istringstream rest(line.substr(colon + 1));
        double value = 0;
        std::string unit;
        rest >> value >> unit;
        facts[line.substr(0, colon)] = unit == "kB" ? value * 1024 : value;
    }
    return facts;
}

machine_facts read_machine()
{
    machine_facts facts;
    facts.name = host_name();
    facts.fqdn = full_name(facts.name);
    utsname kernel{};
    ::uname(&kernel);
    facts.platform = std::string("linux/") + kernel.machine;
    auto release = os_release();
    facts.os_name = release["NAME"];
    facts.os_version = release["VERSION_ID"];
    facts.machine_id = line_of("/etc/machine-id");
    facts.boot_id = line_of("/proc/sys/kernel/random/boot_id");
    return facts;
}

std::vector<std::pair<std::string, json>> collect_inventory()
{
    std::vector<std::pair<std::string, json>> documents;
    documents.emplace_back("os", os_document());
    documents.emplace_back("cpu", cpu_document());
    documents.emplace_back("memory", memory_document());
    documents.emplace_back("disks", disks_document());
    documents.emplace_back("addresses", addresses_document());
    return documents;
}

std::map<std::string, double> collect_metrics()
{
    std::map<std::string, double> metrics;
    std::istringstream loads(line_of("/proc/loadavg"));
    double one = 0;
    double five = 0;
    double fifteen = 0;
    if (loads >> one >> five >> fifteen) {
        metrics["load1"] = one;
        metrics["load5"] = five;
        metrics["load15"] = fifteen;
    }
    const auto memory = parse_meminfo(text_of("/proc/meminfo"));
    const auto copy = [&](const char* from, const char* into) {
        const auto at = memory.find(from);
        if (at != memory.end()) metrics[into] = at->second;
    };
    copy("MemTotal", "memory_total_bytes");
    copy("MemAvailable", "memory_available_bytes");
    copy("SwapTotal", "swap_total_bytes");
    copy("SwapFree", "swap_free_bytes");
    const auto root = space_of("/");
    metrics["root_total_bytes"] = static_cast<double>(root.total);
    metrics["root_free_bytes"] = static_cast<double>(root.free);
    return metrics;
}

double read_uptime()
{
    return std::strtod(line_of("/proc/uptime").c_str(), nullptr);
}

}  // namespace leasehold::agent
