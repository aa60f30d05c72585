#pragma once

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What this machine is and does, read from /proc, /etc and the kernel. A file that is missing leaves its
// facts out.
namespace leasehold::agent {

struct machine_facts
{
    std::string name;      // as the kernel has it
    std::string fqdn;      // equal to name where it has no dot
    std::string platform;  // "linux/x86_64"
    std::string os_name;
    std::string os_version;
    std::string machine_id;  // never sent: only its salted digest is
    std::string boot_id;
};
machine_facts read_machine();

// KEY=value lines of os-release(5), quotes taken off.
std::map<std::string, std::string> parse_os_release(std::string_view text);
// "MemTotal: 16 kB" lines, in bytes.
std::map<std::string, double> parse_meminfo(std::string_view text);

// The documents of inventory: os, cpu, memory, disks, addresses.
std::vector<std::pair<std::string, nlohmann::json>> collect_inventory();
// At most 64 names.
std::map<std::string, double> collect_metrics();
double read_uptime();

}  // namespace leasehold::agent
