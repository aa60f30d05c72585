#include "scratch_folder.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/migrations/chain.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace leasehold::migrations {
namespace {

// A chain in memory, whose CHECKSUMS fit unless a test says otherwise.
class written_chain
{
public:
    written_chain&
    file(std::string name, std::string_view body, std::string_view head = "-- leasehold: phase expand\n")
    {
        auto bytes = std::string(head) + std::string(body) + "\n";
        checksums_ += name + "  " + crypto::to_hex(crypto::view(crypto::sha256(bytes))) + "\n";
        texts_.emplace_back("tenant/" + std::move(name), std::move(bytes));
        return *this;
    }
    written_chain& edit_last()
    {
        texts_.back().second += "-- edited\n";
        return *this;
    }
    written_chain& list(const std::string& line)
    {
        checksums_ += line + "\n";
        return *this;
    }
    chain make() const
    {
        std::vector<embedded_file> files;
        for (const auto& [path, bytes] : texts_) files.push_back({path, bytes, {}});
        files.push_back({"tenant/CHECKSUMS", checksums_, {}});
        return chain(partition::tenant, files);
    }

private:
    std::vector<std::pair<std::string, std::string>> texts_;
    std::string checksums_;
};

template <class Work>
std::string code_of(Work&& work)
{
    try {
        work();
    } catch (const error& refused) {
        return refused.code();
    }
    return {};
}

std::vector<version_row> rows_of(const chain& all)
{
    std::vector<version_row> rows;
    for (const auto& file : all.files()) rows.push_back({file.number, file.name, file.checksum});
    return rows;
}

written_chain three()
{
    written_chain files;
    files.file("0001_create_a.sql", "create table a ();");
    files.file("0002_create_b.sql", "create table b ();");
    files.file("0003_create_c.sql", "create table c ();");
    return files;
}

TEST(Chain, TakesFilesInNumberOrder)
{
    written_chain files;
    files.file("0002_create_b.sql", "b").file("0001_create_a.sql", "a");
    const auto made = files.make();
    ASSERT_EQ(made.files().size(), 2U);
    EXPECT_EQ(made.files()[0].name, "0001_create_a.sql");
    EXPECT_EQ(made.version(), 2);
    EXPECT_EQ(made.contract_version(), 0);
}

TEST(Chain, RefusesNamesThatAreNotNumberAndWords)
{
    for (const char* name :
         {"1_create_a.sql",
          "0001create.sql",
          "0001_.sql",
          "0001_Create_a.sql",
          "0001_create_a.txt",
          "0001_create a.sql",
          "000a_create.sql",
          "0001_../a.sql"}) {
        EXPECT_EQ(code_of([&] { written_chain().file(name, "x").make(); }), "migration_name") << name;
    }
    EXPECT_EQ(code_of([&] { written_chain().file("0001_create_a.sql", "x").make(); }), "");
}

TEST(Chain, RefusesGapsAndDoubles)
{
    EXPECT_EQ(code_of([] { written_chain().file("0002_create_b.sql", "x").make(); }), "migration_gap");
    EXPECT_EQ(
        code_of([] { written_chain().file("0001_create_a.sql", "x").file("0003_create_c.sql", "x").make(); }),
        "migration_gap"
    );
    EXPECT_EQ(
        code_of([] { written_chain().file("0001_create_a.sql", "x").file("0001_create_b.sql", "x").make(); }),
        "migration_gap"
    );
    // Own files begin at 5000, whatever the built-in number is.
    EXPECT_EQ(
        code_of([] { written_chain().file("0001_create_a.sql", "x").file("5000_add_own.sql", "x").make(); }),
        ""
    );
    EXPECT_EQ(
        code_of([] { written_chain().file("0001_create_a.sql", "x").file("5001_add_own.sql", "x").make(); }),
        "migration_gap"
    );
}

TEST(Chain, RefusesWhatDiffersFromChecksums)
{
    EXPECT_EQ(code_of([] { three().edit_last().make(); }), "migration_checksum");
    EXPECT_EQ(code_of([] { three().list("0004_create_d.sql  00").make(); }), "migration_checksum");
    EXPECT_EQ(code_of([] { three().make(); }), "");
}

TEST(Chain, ChecksumCountsExpandFilesInNumberOrderOnly)
{
    const auto made = three().make();
    auto rows = rows_of(made);
    EXPECT_EQ(chain_checksum(rows), made.checksum());
    std::swap(rows.front(), rows.back());
    EXPECT_EQ(chain_checksum(rows), made.checksum());

    auto with_contract = three();
    with_contract.file("0004_drop_a.sql", "drop table a;", "-- leasehold: phase contract\n");
    const auto longer = with_contract.make();
    EXPECT_EQ(longer.checksum(), made.checksum());
    EXPECT_EQ(longer.version(), 3);
    EXPECT_EQ(longer.contract_version(), 4);

    auto other = three();
    other.file("0004_create_d.sql", "create table d ();");
    EXPECT_NE(other.make().checksum(), made.checksum());
}

TEST(Chain, LineEndsChangeNoChecksum)
{
    const test::scratch_folder unix_folder;
    const test::scratch_folder dos_folder;
    std::ofstream(unix_folder / "0001_create_a.sql") << "-- leasehold: phase expand\ncreate table a ();\n";
    std::ofstream(dos_folder / "0001_create_a.sql") << "-- leasehold: phase expand\r\ncreate table a ();\r\n";
    const auto empty = written_chain().make();
    EXPECT_EQ(
        empty.with_folder(unix_folder.path(), true).checksum(),
        empty.with_folder(dos_folder.path(), true).checksum()
    );
}

TEST(Chain, AFolderExtendsFrom5000)
{
    const test::scratch_folder own;
    std::ofstream(own / "5000_add_own.sql") << "-- leasehold: phase expand\ncreate table own ();\n";
    std::ofstream(own / "notes.txt") << "not a migration";
    const auto built_in = three().make();
    const auto extended = built_in.with_folder(own.path(), false);
    EXPECT_EQ(extended.files().size(), 4U);
    EXPECT_EQ(extended.version(), 5000);
    EXPECT_NE(extended.checksum(), built_in.checksum());

    std::ofstream(own / "0004_create_d.sql") << "-- leasehold: phase expand\ncreate table d ();\n";
    EXPECT_EQ(code_of([&] { (void)built_in.with_folder(own.path(), false); }), "migration_name");
}

TEST(Chain, AFolderReplaces)
{
    const test::scratch_folder own;
    std::ofstream(own / "0001_create_z.sql") << "-- leasehold: phase expand\ncreate table z ();\n";
    const auto replaced = three().make().with_folder(own.path(), true);
    ASSERT_EQ(replaced.files().size(), 1U);
    EXPECT_EQ(replaced.files()[0].name, "0001_create_z.sql");

    // With CHECKSUMS it must match.
    std::ofstream(own / "CHECKSUMS") << "0001_create_z.sql  " << replaced.files()[0].checksum << "\n";
    EXPECT_EQ(code_of([&] { (void)three().make().with_folder(own.path(), true); }), "");
    std::ofstream(own / "CHECKSUMS") << "0001_create_z.sql  00\n";
    EXPECT_EQ(code_of([&] { (void)three().make().with_folder(own.path(), true); }), "migration_checksum");
}

TEST(MissingExpands, AreWhatTheDatabaseDoesNotHave)
{
    const auto made = three().make();
    const auto all = rows_of(made);
    EXPECT_TRUE(missing_expands(made, all).empty());
    const auto some = missing_expands(made, std::vector<version_row>(all.begin(), all.begin() + 1));
    ASSERT_EQ(some.size(), 2U);
    EXPECT_EQ(some[0]->number, 2);
    EXPECT_EQ(some[1]->number, 3);
    EXPECT_EQ(missing_expands(made, {}).size(), 3U);
}

TEST(MissingExpands, LeaveContractFilesAlone)
{
    auto files = three();
    files.file("0004_drop_a.sql", "drop table a;", "-- leasehold: phase contract\n");
    const auto made = files.make();
    const auto expands = rows_of(three().make());
    EXPECT_TRUE(missing_expands(made, expands).empty());
    // Applied, it is known.
    EXPECT_TRUE(missing_expands(made, rows_of(made)).empty());
}

TEST(MissingExpands, RefuseAnEditedFileAndNameIt)
{
    const auto made = three().make();
    auto rows = rows_of(made);
    rows[1].checksum = std::string(64, '0');
    try {
        missing_expands(made, rows);
        FAIL();
    } catch (const error& refused) {
        EXPECT_EQ(refused.code(), "history_changed");
        EXPECT_NE(refused.detail().find("0002_create_b.sql"), std::string::npos);
    }
}

TEST(MissingExpands, RefuseADatabaseThatIsAhead)
{
    const auto made = three().make();
    auto rows = rows_of(made);
    rows.push_back({4, "0004_create_d.sql", std::string(64, '0')});
    EXPECT_EQ(code_of([&] { missing_expands(made, rows); }), "schema_ahead");
}

TEST(BuiltInChains, HoldAndTellTheirNames)
{
    for (const auto* one : {&registry_chain(), &shared_chain(), &tenant_chain()}) {
        EXPECT_FALSE(one->files().empty()) << to_text(one->which());
        EXPECT_EQ(one->version(), static_cast<int>(one->files().size())) << to_text(one->which());
        EXPECT_EQ(one->checksum().size(), 64U);
    }
    EXPECT_EQ(version_table_of(partition::registry), "registry_schema_version");
    EXPECT_EQ(version_table_of(partition::shared), "shared_schema_version");
    EXPECT_EQ(version_table_of(partition::tenant), "schema_version");
}

// One database may hold all three (collapsed mode): no file number or name decides whose a table is, the
// prefix does. What the catalog says of it is proven in tests/integration/migrations.
TEST(BuiltInChains, HaveChecksumsOfTheirOwn)
{
    const std::set<std::string> checksums{
        registry_chain().checksum(), shared_chain().checksum(), tenant_chain().checksum()};
    EXPECT_EQ(checksums.size(), 3U);
}

}  // namespace
}  // namespace leasehold::migrations
