#include "control_stage.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace leasehold::control_plane::test {
namespace {

// One step, which ends when the test says so.
class long_work : public operations::operation_kind
{
public:
    long_work(const bool& may_end, int& begun) : may_end_(may_end), begun_(begun) {}
    [[nodiscard]] std::string name() const override { return "provision"; }
    [[nodiscard]] std::vector<std::string> steps() const override { return {"reserve"}; }
    task<nlohmann::json> run_step(std::string, const operations::step_context&) override
    {
        ++begun_;
        while (!may_end_) co_await sleep_for(std::chrono::milliseconds(10));
        co_return nlohmann::json::object();
    }

private:
    const bool& may_end_;
    int& begun_;
};

// The registry is away in the moment in which a hold is renewed.
TEST(OperationRunner, AHoldThatCouldNotBeRenewedOnceIsRenewedLater)
{
    control_stage stage(0);
    stage.installation.run(
        "create sequence public.holds;"
        "grant usage on sequence public.holds to public;"
        "alter function public.registry_operation_hold(uuid, bigint, interval) rename to hold_in_earnest;"
        "create function public.registry_operation_hold(uuid, bigint, interval) returns boolean "
        "language plpgsql as $$ begin if nextval('public.holds') = 1 then raise 'the first is lost'; end if; "
        "return public.hold_in_earnest($1, $2, $3); end $$"
    );
    bool may_end = false;
    int begun = 0;
    operations::runner_settings how;
    how.lease = std::chrono::seconds(6);
    how.poll = std::chrono::milliseconds(50);
    operations::runner runner(stage.lane(), stage.operations, "the one", how);
    runner.add(std::make_unique<long_work>(may_end, begun));
    const std::vector<operation_id> all{
        stage.ask("acme", "eu-1").operation, stage.ask("globex", "us-1").operation};
    runner.start();

    const auto of = [&](const operation_id& id, const std::string& column) {
        return stage.installation
            .rows(fmt::format(
                "select ({})::text from public.registry_operation where id = '{}'", column, id.to_string()
            ))
            .at(0)[0]
            .value_or("");
    };
    const auto wait_for = [&](const std::function<bool()>& is_so) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!is_so() && std::chrono::steady_clock::now() < until)
            stage.run(sleep_for(std::chrono::milliseconds(20)));
        return is_so();
    };
    EXPECT_TRUE(wait_for([&] { return begun == 2; }));
    std::vector<std::string> ends;  // of the holds that the claims gave
    for (const auto& id : all) ends.push_back(of(id, "lease_until"));
    for (std::size_t i = 0; i < all.size(); ++i)
        EXPECT_TRUE(wait_for([&] { return of(all[i], "now() > '" + ends[i] + "'") == "true"; }));
    EXPECT_TRUE(wait_for([&] {
        return begun > 2 ||
               (of(all[0], "lease_until > now()") == "true" && of(all[1], "lease_until > now()") == "true");
    }));
    EXPECT_EQ(stage.installation.rows("select nextval('public.holds') > 3").at(0)[0], "t");
    EXPECT_EQ(begun, 2) << "another worker took it";
    for (const auto& id : all) EXPECT_EQ(of(id, "fence"), "1");
    may_end = true;
    for (const auto& id : all) stage.succeed(id);
    stage.run(runner.stop());
}

}  // namespace
}  // namespace leasehold::control_plane::test
