#include "scratch_folder.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <sys/stat.h>

namespace leasehold {
namespace {

namespace fs = std::filesystem;

void put(
    const fs::path& path,
    std::string_view content,
    fs::perms mode = fs::perms::owner_read | fs::perms::owner_write
)
{
    std::ofstream(path, std::ios::binary) << content;
    fs::permissions(path, mode);
}

template <class Call>
std::string code_of(Call call)
{
    try {
        call();
    } catch (const error& e) {
        return e.code();
    }
    return "";
}

fs::perms mode_of(const fs::path& path)
{
    return fs::status(path).permissions();
}

constexpr auto private_mode = fs::perms::owner_read | fs::perms::owner_write;

TEST(LoadFile, GivesTheWholeContent)
{
    const test::scratch_folder folder;
    const std::string content = std::string("a\0b\n", 4) + std::string(100000, 'x');
    put(folder / "one", content);
    EXPECT_EQ(load_file(folder / "one"), content);
    put(folder / "none", "");
    EXPECT_EQ(load_file(folder / "none"), "");
}

TEST(LoadFile, ReadsWhatHasNoSize)
{
    EXPECT_FALSE(load_file("/proc/self/status").empty());
}

TEST(LoadFile, SaysWhatIsWrong)
{
    const test::scratch_folder folder;
    put(folder / "four", "1234");
    EXPECT_EQ(load_file(folder / "four", 4), "1234");
    EXPECT_EQ(code_of([&] { load_file(folder / "four", 3); }), "file_too_large");
    EXPECT_EQ(code_of([&] { load_file(folder / "away"); }), "file_missing");
    EXPECT_EQ(code_of([&] { load_file(folder.path()); }), "file_unreadable");
}

TEST(LoadSecret, GivesTheFirstLineOrAll)
{
    const test::scratch_folder folder;
    put(folder / "key", "first\nsecond\n");
    EXPECT_EQ(load_secret_line(folder / "key").reveal(), "first");
    EXPECT_EQ(load_secret_file(folder / "key").reveal(), "first\nsecond\n");
    put(folder / "dos", "first\r\n");
    EXPECT_EQ(load_secret_line(folder / "dos").reveal(), "first");
    put(folder / "bare", "first");
    EXPECT_EQ(load_secret_line(folder / "bare").reveal(), "first");
    fs::permissions(folder / "bare", private_mode | fs::perms::group_read);
    EXPECT_EQ(load_secret_line(folder / "bare").reveal(), "first");
}

TEST(LoadSecret, RefusesAFileThatIsNotAsItMustBe)
{
    const test::scratch_folder folder;
    put(folder / "open", "secret", private_mode | fs::perms::others_read);
    put(folder / "writable", "secret", private_mode | fs::perms::others_write);
    put(folder / "empty", "");
    put(folder / "blank", "\nsecret");
    put(folder / "large", std::string(65537, 'x'));
    put(folder / "full", std::string(65536, 'x'));
    EXPECT_EQ(code_of([&] { load_secret_file(folder / "open"); }), "secret_file_world_readable");
    EXPECT_EQ(code_of([&] { load_secret_file(folder / "writable"); }), "secret_file_world_readable");
    EXPECT_EQ(code_of([&] { load_secret_file(folder / "empty"); }), "secret_file_empty");
    EXPECT_EQ(code_of([&] { load_secret_line(folder / "blank"); }), "secret_file_empty");
    EXPECT_EQ(code_of([&] { load_secret_file(folder / "large"); }), "secret_file_too_large");
    EXPECT_EQ(code_of([&] { load_secret_file(folder / "away"); }), "secret_file_missing");
    EXPECT_EQ(code_of([&] { load_secret_file(folder.path()); }), "secret_file_missing");
    EXPECT_EQ(load_secret_file(folder / "full").size(), 65536U);
}

TEST(LoadSecret, IsNotHeldUpByANamedPipe)
{
    const test::scratch_folder folder;
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(code_of([&] { load_secret_file(folder / "pipe"); }), "secret_file_missing");
}

TEST(StoreFile, ReplacesTheContentAndLeavesNothingElse)
{
    const test::scratch_folder folder;
    store_file(folder / "state", "one");
    store_file(folder / "state", "two");
    EXPECT_EQ(load_file(folder / "state"), "two");
    EXPECT_EQ(mode_of(folder / "state"), private_mode);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(StoreFile, SaysWhenItCannot)
{
    const test::scratch_folder folder;
    EXPECT_EQ(code_of([&] { store_file(folder.path() / "away" / "state", "one"); }), "file_unwritable");
}

TEST(CreateSecretFile, NeverTouchesWhatIsThere)
{
    const test::scratch_folder folder;
    create_secret_file(folder / "key", "secret");
    EXPECT_EQ(load_secret_line(folder / "key").reveal(), "secret");
    EXPECT_EQ(mode_of(folder / "key"), private_mode);
    EXPECT_EQ(code_of([&] { create_secret_file(folder / "key", "other"); }), "file_exists");
    EXPECT_EQ(load_secret_line(folder / "key").reveal(), "secret");
}

TEST(CreateSecretFile, FollowsNoLink)
{
    const test::scratch_folder folder;
    fs::create_symlink(folder / "target", folder / "key");
    EXPECT_EQ(code_of([&] { create_secret_file(folder / "key", "secret"); }), "file_exists");
    EXPECT_FALSE(fs::exists(folder / "target"));
}

}  // namespace
}  // namespace leasehold
