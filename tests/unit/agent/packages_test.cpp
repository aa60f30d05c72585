#include "machine.hpp"
#include "packages.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace leasehold::agent {
namespace {

constexpr auto status = R"(Package: zlib1g
Status: install ok installed
Architecture: amd64
Version: 1:1.2.13.dfsg-1
Description: compression library
 Version: not a field, it goes on
 .
 more

Package: zlib1g
Status: install ok installed
Architecture: i386
Version: 1:1.2.13.dfsg-1

Package: gone
Status: deinstall ok config-files
Version: 1.0

Package: half
Status: install ok half-configured
Version: 2.0

Package: bash
Version: 5.2.15-2+b2
Status: install ok installed)";

TEST(DpkgStatus, ListsWhatIsInstalledOnceAndSorted)
{
    const auto packages = parse_dpkg_status(status);
    const std::vector<package> wanted{{"bash", "5.2.15-2+b2", "dpkg"}, {"zlib1g", "1:1.2.13.dfsg-1", "dpkg"}};
    EXPECT_EQ(packages, wanted);
    EXPECT_TRUE(parse_dpkg_status("").empty());
    EXPECT_TRUE(parse_dpkg_status("\n\nPackage only\n").empty());
}

TEST(DpkgStatus, TheDigestChangesWithAnyFact)
{
    const auto packages = parse_dpkg_status(status);
    auto other = packages;
    EXPECT_EQ(digest_of(packages), digest_of(other));
    other[0].version = "5.2.15-3";
    EXPECT_NE(digest_of(packages), digest_of(other));
    const auto document = to_document(packages, "2026-01-01T00:00:00.000Z");
    EXPECT_EQ(document["sha256"], digest_of(packages));
    EXPECT_EQ(document["packages"].size(), 2U);
}

TEST(Machine, ReadsReleaseAndMemory)
{
    const auto release = parse_os_release("NAME=\"Debian GNU/Linux\"\n# no\nVERSION_ID='12'\nID=debian\n");
    EXPECT_EQ(release.at("NAME"), "Debian GNU/Linux");
    EXPECT_EQ(release.at("VERSION_ID"), "12");
    EXPECT_EQ(release.at("ID"), "debian");
    EXPECT_EQ(parse_meminfo("MemTotal:  16 kB\nHugePages_Total: 3\n").at("MemTotal"), 16384);
}

TEST(Machine, CollectsTheRealOne)
{
    std::set<std::string> kinds;
    for (const auto& [kind, document] : collect_inventory()) {
        EXPECT_TRUE(document.is_object());
        kinds.insert(kind);
    }
    EXPECT_EQ(kinds, (std::set<std::string>{"os", "cpu", "memory", "disks", "addresses"}));
    EXPECT_GT(collect_metrics().at("memory_total_bytes"), 0);
    EXPECT_LE(collect_metrics().size(), 64U);
    EXPECT_FALSE(read_machine().name.empty());
}

}  // namespace
}  // namespace leasehold::agent
