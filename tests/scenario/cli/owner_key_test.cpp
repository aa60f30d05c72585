#include "configured.hpp"
#include "eventually.hpp"
#include "free_port.hpp"

#include <leasehold/base/credential.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/ids.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <csignal>
#include <set>
#include <sys/stat.h>
#include <thread>

namespace leasehold::test {
namespace {

// A migrated registry and a configuration of single-tenant mode: a control plane needs no more.
class OwnerKey : public ::testing::Test
{
protected:
    OwnerKey() { migrate(here); }

    static leasehold::config on(const empty_registry& registry)
    {
        leasehold::config values;
        values.registry = registry.config();
        return values;
    }
    static void migrate(const configured& one)
    {
        const auto migrated = one.local({"migrate"});
        if (migrated.exit_code != 0) throw std::runtime_error(migrated.err);
    }
    const std::filesystem::path& file() const { return here.values.control_plane.bootstrap.key_file; }
    std::vector<database::row> owners() const
    {
        return database::connect(registry.as_superuser())
            ->run_plain_rows("select id from public.registry_api_key where role = 'owner'");
    }
    void run(const std::string& sql) const { database::connect(registry.as_superuser())->run_plain(sql); }

    empty_registry registry;
    configured here{on(registry)};
};

// Every mode that a file had while it was watched.
class watched_file
{
public:
    explicit watched_file(std::filesystem::path file)
        : file_(std::move(file))
        , thread_([this] {
            while (!is_over_) {
                struct stat facts
                {};
                if (::stat(file_.c_str(), &facts) == 0) modes_.insert(facts.st_mode & 07777U);
            }
        })
    {}
    std::set<unsigned> modes()
    {
        is_over_ = true;
        if (thread_.joinable()) thread_.join();
        return modes_;
    }
    ~watched_file() { modes(); }

private:
    std::filesystem::path file_;
    std::atomic<bool> is_over_ = false;
    std::set<unsigned> modes_;
    std::thread thread_;
};

TEST_F(OwnerKey, C7_TenStartsAtOnceWriteItOnceAndForItsOwnerAlone)
{
    ::umask(0);  // nothing but the program keeps others out
    watched_file watched(file());
    std::vector<std::unique_ptr<program>> starts;
    std::vector<std::uint16_t> ports;
    for (int i = 0; i < 10; ++i) {
        ports.push_back(free_port());
        const std::map<std::string, std::string> own{
            {"LEASEHOLD__CONTROL_PLANE__LISTEN", fmt::format("127.0.0.1:{}", ports.back())},
            {"LEASEHOLD__METRICS__LISTEN", fmt::format("127.0.0.1:{}", free_port())},
        };
        starts.push_back(std::make_unique<program>(
            LEASEHOLD_BINARY,
            std::vector<std::string>{
                "serve", "--dev", "--role", "control-plane", "--config", here.file().string()},
            own
        ));
    }
    const auto key = "file:" + file().string();
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const auto api = fmt::format("http://127.0.0.1:{}", ports[i]);
        EXPECT_TRUE(eventually(
            [&] {
                return !starts[i]->is_running() ||
                       leasehold({"whoami", "--server", api, "--key", key}).exit_code == 0;
            },
            std::chrono::seconds(90)
        ));
        EXPECT_TRUE(starts[i]->is_running()) << starts[i]->err();
    }
    EXPECT_EQ(watched.modes(), std::set<unsigned>{0600U});
    EXPECT_EQ(owners().size(), 1U);
    const auto text = std::string(load_secret_line(file()).reveal());
    EXPECT_EQ(owners().at(0).get<key_id>("id").value(), credential::parse(text)->id);
    int told = 0;
    for (const auto& one : starts) {
        EXPECT_EQ(one->err().find(text), std::string::npos);
        if (one->err().find("bootstrap.owner_made") != std::string::npos) ++told;
    }
    EXPECT_EQ(told, 1);
}

TEST_F(OwnerKey, C7_AnErrorOfTheRegistryIsNotAnEmptyRegistry)
{
    // The marker is there, and cannot be read: whoever takes that for "none" makes a second owner.
    run("insert into public.registry_setting (key, value) values ('bootstrap', '{}')");
    run("alter table public.registry_setting enable row level security");
    run("create policy broken on public.registry_setting for select using "
        "(case when key = 'bootstrap' then 1 / (length(key) - 9) = 1 else true end)");
    run("create policy others on public.registry_setting for insert with check (true)");
    const auto refused = here.local({"serve", "--role", "control-plane"});
    EXPECT_NE(refused.exit_code, 0) << refused.err;
    EXPECT_FALSE(std::filesystem::exists(file()));
    EXPECT_TRUE(owners().empty());

    // Nor does a commit that fails leave a file behind.
    run("drop policy broken on public.registry_setting");
    run("drop policy others on public.registry_setting");
    run("alter table public.registry_setting disable row level security");
    run("delete from public.registry_setting where key = 'bootstrap'");
    run("create function public.refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$");
    run("create constraint trigger late after insert on public.registry_setting deferrable initially "
        "deferred "
        "for each row when (new.key = 'bootstrap') execute function public.refuse()");
    const auto failed = here.local({"serve", "--role", "control-plane"});
    EXPECT_NE(failed.exit_code, 0) << failed.err;
    EXPECT_FALSE(std::filesystem::exists(file()));
    EXPECT_TRUE(owners().empty());

    run("drop trigger late on public.registry_setting");  // and now it is empty
    const auto serving = here.serve({"--role", "control-plane"});
    EXPECT_EQ(here.call({"whoami"}).exit_code, 0);
    EXPECT_EQ(owners().size(), 1U);
}

TEST_F(OwnerKey, C7_AFileThatIsThereRefusesTheStartAndStaysAsItWas)
{
    store_file(file(), "somebody's notes\n");
    const auto refused = here.local({"serve", "--role", "control-plane"});
    EXPECT_EQ(refused.exit_code, 78) << refused.err;
    EXPECT_NE(refused.err.find("bootstrap_file_exists"), std::string::npos) << refused.err;
    EXPECT_EQ(load_file(file()), "somebody's notes\n");
    EXPECT_TRUE(owners().empty());

    std::filesystem::remove(file());
    const auto serving = here.serve({"--role", "control-plane"});
    EXPECT_EQ(here.call({"whoami"}).exit_code, 0);
}

TEST_F(OwnerKey, C7_ASuppliedKeyLeavesNoFile)
{
    const auto supplied = here / "supplied";
    ASSERT_EQ(leasehold({"key", "generate", "--out", supplied.string()}).exit_code, 0);
    here.values.control_plane.bootstrap.supplied_key_file = supplied;
    here.save();
    const auto serving = here.serve({"--role", "control-plane"});
    const auto who =
        leasehold({"whoami", "--json", "--server", here.api(), "--key", "file:" + supplied.string()});
    ASSERT_EQ(who.exit_code, 0) << who.err;
    EXPECT_EQ(nlohmann::json::parse(who.out).value("role", ""), "owner");
    EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(OwnerKey, C7_TwoInstallationsShareNoKey)
{
    const empty_registry other_registry;
    const configured other(on(other_registry));
    migrate(other);
    const auto first = here.serve({"--role", "control-plane"});
    const auto second = other.serve({"--role", "control-plane"});
    const auto who = [](const configured& at, const configured& by) {
        return leasehold({"whoami",
                          "--server",
                          at.api(),
                          "--key",
                          "file:" + by.values.control_plane.bootstrap.key_file.string()})
            .exit_code;
    };
    EXPECT_EQ(who(here, here), 0);
    EXPECT_EQ(who(other, other), 0);
    EXPECT_EQ(who(here, other), 67);
    EXPECT_EQ(who(other, here), 67);
}

}  // namespace
}  // namespace leasehold::test
