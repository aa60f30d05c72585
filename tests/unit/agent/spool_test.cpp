#include "record.hpp"
#include "scratch_folder.hpp"
#include "spool.hpp"

#include <leasehold/base/file.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <sys/stat.h>

namespace leasehold::agent::test {
namespace {

spool_settings
settings_in(const scratch_folder& folder, std::int64_t max_bytes = 1 << 20, std::int64_t segment = 1 << 16)
{
    spool_settings settings;
    settings.folder = folder.path() / "spool";
    settings.max_bytes = max_bytes;
    settings.segment = segment;
    return settings;
}

std::string item(int number, const std::string& kind = "os", std::size_t padding = 0)
{
    return R"({"kind":")" + kind + R"(","n":)" + std::to_string(number) + R"(,"pad":")" +
           std::string(padding, 'x') + R"("})";
}

std::vector<std::filesystem::path> segments_in(const scratch_folder& folder)
{
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "spool"))
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

TEST(Spool, KeepsItemsInOrderOverARestart)
{
    const scratch_folder folder;
    {
        spool first(settings_in(folder));
        for (int i = 0; i < 5; ++i) EXPECT_TRUE(first.append(item_kind::event, item(i)));
        first.pop(item_kind::event, 0);
    }
    spool second(settings_in(folder));
    EXPECT_TRUE(second.append(item_kind::event, item(5)));
    EXPECT_EQ(second.count(item_kind::event), 6U);
    const auto all = second.peek(item_kind::event, 100);
    ASSERT_EQ(all.size(), 6U);
    for (int i = 0; i < 6; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], item(i));
    EXPECT_EQ(second.peek(item_kind::event, 100, item(0).size() * 2 + 1).size(), 2U);
    EXPECT_EQ(second.peek(item_kind::event, 100, 1).size(), 1U);  // one at least, however large
    second.pop(item_kind::event, 4);
    EXPECT_EQ(second.peek(item_kind::event).at(0), item(4));
    second.pop(item_kind::event, 2);
    EXPECT_TRUE(second.is_empty());
    EXPECT_TRUE(segments_in(folder).empty());
    EXPECT_FALSE(second.take_losses().any());
}

TEST(Spool, DeletesASegmentOnlyAfterAllOfItWasTaken)
{
    const scratch_folder folder;
    spool at(settings_in(folder, 1 << 20, 4096));
    for (int i = 0; i < 10; ++i) at.append(item_kind::heartbeat, item(i, "", 1000));
    EXPECT_EQ(segments_in(folder).size(), 4U);
    at.pop(item_kind::heartbeat, 2);
    EXPECT_EQ(segments_in(folder).size(), 4U);
    at.pop(item_kind::heartbeat, 1);
    EXPECT_EQ(segments_in(folder).size(), 3U);
    EXPECT_EQ(at.peek(item_kind::heartbeat).at(0), item(3, "", 1000));
}

// The machine stopped while the last item was written: cut at every byte of it.
TEST(Spool, H12_CutsATornTailAtEveryByte)
{
    const auto whole = to_record(item(1)) + to_record(item(2));
    const auto keep = to_record(item(1)).size();
    for (auto length = keep; length < whole.size(); ++length) {
        SCOPED_TRACE(length);
        const scratch_folder folder;
        std::filesystem::create_directories(folder.path() / "spool");
        folder.write("spool/event-1000.seg", whole.substr(0, length));
        spool at(settings_in(folder));
        const auto items = at.peek(item_kind::event, 10);
        ASSERT_EQ(items.size(), 1U);
        EXPECT_EQ(items[0], item(1));
        EXPECT_EQ(at.take_losses().cut_bytes, length - keep);
        EXPECT_EQ(std::filesystem::file_size(folder.path() / "spool/event-1000.seg"), keep);
    }
    EXPECT_EQ(measure_segment(whole).records, 2U);  // positive control: uncut, both are there
}

TEST(Spool, H12_SkipsAndCountsADamagedItem)
{
    const scratch_folder folder;
    auto content = to_record(item(1)) + to_record(item(2)) + to_record(item(3));
    content[to_record(item(1)).size() + record_head + 3] ^= 1;
    std::filesystem::create_directories(folder.path() / "spool");
    folder.write("spool/event-1000.seg", content);
    spool at(settings_in(folder));
    const auto items = at.peek(item_kind::event, 10);
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[0], item(1));
    EXPECT_EQ(items[1], item(3));
    at.pop(item_kind::event);
    EXPECT_EQ(at.peek(item_kind::event).at(0), item(3));
    at.pop(item_kind::event);
    EXPECT_TRUE(at.is_empty());
    EXPECT_EQ(at.take_losses().damaged, 1U);
}

TEST(Spool, H12_FullDropsHeartbeatsThenSupersededInventoryThenTheOldestEvents)
{
    const scratch_folder folder;
    spool at(settings_in(folder, 40000, 4096));
    for (int i = 0; i < 4; ++i) at.append(item_kind::heartbeat, item(i, "", 1000));
    for (int i = 0; i < 8; ++i) at.append(item_kind::inventory, item(i, i % 2 == 0 ? "os" : "cpu", 1000));
    for (int i = 0; i < 20; ++i) at.append(item_kind::event, item(i, "e", 1000));
    EXPECT_FALSE(at.take_losses().any());

    for (int i = 20; at.count(item_kind::heartbeat) > 0; ++i) at.append(item_kind::event, item(i, "e", 1000));
    EXPECT_EQ(at.count(item_kind::inventory), 8U);
    const auto events_before = at.peek(item_kind::event, 100);
    EXPECT_EQ(events_before.front(), item(0, "e", 1000));

    while (at.count(item_kind::inventory) > 2) at.append(item_kind::event, item(100, "e", 1000));
    const auto newest = at.peek(item_kind::inventory, 10);
    EXPECT_EQ(newest, (std::vector<std::string>{item(6, "os", 1000), item(7, "cpu", 1000)}));
    EXPECT_EQ(at.peek(item_kind::event).at(0), item(0, "e", 1000));

    for (int i = 0; i < 20; ++i) EXPECT_TRUE(at.append(item_kind::event, item(200 + i, "e", 1000)));
    EXPECT_NE(at.peek(item_kind::event).at(0), item(0, "e", 1000));
    EXPECT_EQ(at.count(item_kind::inventory), 2U);
    EXPECT_LE(at.bytes(), 40000);
    const auto lost = at.take_losses();
    EXPECT_EQ(lost.dropped.at(item_kind::heartbeat), 4U);
    EXPECT_EQ(lost.dropped.at(item_kind::inventory), 6U);
    EXPECT_GE(lost.dropped.at(item_kind::event), 3U);
}

// A limit on file sizes is to write() what a full disk is.
class file_size_limit
{
public:
    explicit file_size_limit(rlim_t bytes)
    {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        auto limit = before_;
        limit.rlim_cur = bytes;
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~file_size_limit()
    {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    file_size_limit(const file_size_limit&) = delete;
    file_size_limit& operator=(const file_size_limit&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

TEST(Spool, H12_DiskFullKeepsItemsInMemoryAndStoresThemOnceItTakesThem)
{
    const scratch_folder folder;
    spool at(settings_in(folder));
    at.append(item_kind::event, item(0));
    {
        const file_size_limit none(item(0).size() + record_head + 5);
        for (int i = 1; i < 4; ++i) EXPECT_TRUE(at.append(item_kind::event, item(i, "os", 500)));
        EXPECT_TRUE(at.is_in_memory());
        EXPECT_TRUE(at.take_losses().disk_full);
        EXPECT_EQ(at.peek(item_kind::event, 10).size(), 4U);
    }
    at.append(item_kind::event, item(4));
    EXPECT_FALSE(at.is_in_memory());
    spool again(settings_in(folder));
    const auto items = again.peek(item_kind::event, 10);
    ASSERT_EQ(items.size(), 5U);
    EXPECT_EQ(items[0], item(0));
    EXPECT_EQ(items[3], item(3, "os", 500));
    EXPECT_EQ(items[4], item(4));
    EXPECT_EQ(again.take_losses().cut_bytes, 0U);
}

TEST(Spool, H12_DiskFullMemoryIsBoundedAndLossesAreCounted)
{
    const scratch_folder folder;
    auto settings = settings_in(folder);
    settings.max_memory = 10000;
    spool at(settings);
    const file_size_limit none(1);
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(at.append(item_kind::heartbeat, item(i, "", 1000)));
    for (int i = 0; i < 9; ++i) EXPECT_TRUE(at.append(item_kind::event, item(i, "", 1000)));
    EXPECT_EQ(at.count(item_kind::event), 9U);
    EXPECT_EQ(at.count(item_kind::heartbeat), 0U);
    EXPECT_EQ(at.take_losses().dropped.at(item_kind::heartbeat), 6U);
}

TEST(Spool, FilesAndFolderAreClosedToOthers)
{
    const scratch_folder folder;
    spool at(settings_in(folder));
    at.append(item_kind::event, item(0));
    struct stat facts
    {};
    ASSERT_EQ(::stat(segments_in(folder).at(0).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat((folder.path() / "spool").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0700U);
}

}  // namespace
}  // namespace leasehold::agent::test
