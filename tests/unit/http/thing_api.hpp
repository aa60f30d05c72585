#pragma once

#include <leasehold/base/ids.hpp>
#include <leasehold/base/metrics.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/http/routes.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// A small API with one of everything, for the tests of routes.
namespace leasehold::http::testing {

enum class size_class : std::uint8_t
{
    small,
    large
};

struct bounds
{
    std::optional<std::int64_t> max_hosts;
    bool is_hard = false;
};

struct thing_create
{
    std::string slug;
    std::optional<std::string> name;
    int amount = 7;
    std::optional<size_class> size;
    std::vector<std::string> tags;
    std::map<std::string, std::string> labels;
    std::optional<bounds> limits;
    nlohmann::json settings;
    std::optional<wall_time> ends_at;
    std::optional<server_id> server;
};

struct thing_patch
{
    change<std::string> name;
    change<int> amount;
};

struct thing_view
{
    tenant_id tenant;
    std::string slug;
    std::optional<std::string> name;
    int amount = 0;
    std::map<std::string, std::string> labels;
    nlohmann::json settings;
    std::optional<bounds> limits;
};

struct thing_filter
{
    std::optional<std::string> slug;
    int limit = 50;
    bool is_deep = false;
};

struct beat
{
    std::string at;
};

// "Bearer acme" is acme's caller, "Bearer globex" globex's, "Bearer platform" the platform's; anything else
// does not verify.
class test_principal final : public principal
{
public:
    explicit test_principal(std::string who) : who_(std::move(who)) {}
    [[nodiscard]] std::string log_name() const override { return "test:" + who_; }
    [[nodiscard]] const std::string& who() const { return who_; }

private:
    std::string who_;
};

class test_scope final : public authorization
{
public:
    explicit test_scope(tenant_id tenant) : tenant_(tenant) {}
    [[nodiscard]] const tenant_id& id() const { return tenant_; }

private:
    tenant_id tenant_;
};

inline const tenant_id acme = *tenant_id::parse("0190a000-0000-7000-8000-000000000001");
inline const tenant_id globex = *tenant_id::parse("0190a000-0000-7000-8000-000000000002");

class test_gate final : public authenticator, public authorizer
{
public:
    task<std::shared_ptr<const principal>> authenticate(const context& ctx) override;
    task<std::shared_ptr<const authorization>>
    authorize(const context& ctx, const permission& needed) override;
};

namespace may {
inline constexpr permission read_things{"things.read", scope::platform};
inline constexpr permission write_things{"things.write", scope::platform};
inline constexpr permission read_tenant{"tenants.read", scope::tenant};
inline constexpr permission see_self{"self.read", scope::principal};
}  // namespace may

class thing_api
{
public:
    void mount(routes& on);

    task<page<thing_view>> list(const context& ctx, thing_filter filter);
    task<thing_view> make(const context& ctx, thing_create in);
    task<created> make_created(const context& ctx, thing_create in);
    task<accepted> begin(const context& ctx);
    task<thing_view> show(const context& ctx) const;
    task<thing_view> patch(const context& ctx, thing_patch in);
    task<void> remove(const context& ctx);
    task<reply> store(const context& ctx);
    task<void> beats(const context& ctx, beat in);
    task<reply> fail(const context& ctx);
    task<reply> hang(const context& ctx);
};

// Everything together: metrics of their own, routes mounted.
struct thing_service
{
    thing_service();
    reply ask(incoming what);
    reply ask(method verb, std::string target, std::string body = {}, std::string who = "platform");

    metrics meters;
    test_gate gate;
    thing_api api;
    routes table;
};

}  // namespace leasehold::http::testing
