#include "collector.hpp"

#include "packages.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/base/uuid.hpp>

#include <algorithm>
#include <utility>

namespace leasehold::agent {
namespace {

using nlohmann::json;

constexpr auto default_heartbeat = std::chrono::seconds(60);  // until the gateway has said otherwise

std::string now_text()
{
    return to_rfc3339(real_clock().wall());
}

std::string load_sent(const std::filesystem::path& file)
{
    try {
        return load_file(file, 128);
    } catch (const error&) {
        return {};  // then it is sent once more, which is harmless
    }
}

}  // namespace

collector::collector(const agent_config& config, spool& into, std::filesystem::path sent_file)
    : config_(config)
    , into_(into)
    , sent_file_(std::move(sent_file))
    , machine_(read_machine())
    , instance_(uuid::random().to_string())
    , packages_sent_(load_sent(sent_file_))
{
    json detail;
    detail["version"] = LEASEHOLD_VERSION;
    detail["instance"] = instance_;
    report("agent.started", std::move(detail));
}

boot_time collector::next() const noexcept
{
    if (!wanted_.empty()) return boot_time{};
    return std::min({heartbeat_at_, inventory_at_, packages_at_});
}

void collector::collect(boot_time now)
{
    report_losses();
    const auto is_wanted = [&](std::string_view kind) { return wanted_.contains(std::string(kind)); };
    const bool wants_packages = is_wanted("packages");
    const bool wants_inventory = wanted_.size() > (wants_packages ? 1U : 0U);
    if (wants_packages) packages_sent_ = packages_spooled_ = {};
    wanted_.clear();
    if (now >= inventory_at_ || wants_inventory) {
        inventory_at_ = now + config_.intervals.inventory;
        collect_inventory_documents();
    }
    if (now >= packages_at_ || wants_packages) {
        packages_at_ = now + config_.intervals.packages;
        collect_package_list();
    }
    if (now >= heartbeat_at_) {
        heartbeat_at_ = now + default_heartbeat;
        into_.append(item_kind::heartbeat, heartbeat(true).dump());
    }
}

void collector::collect_inventory_documents()
{
    for (auto& [kind, document] : collect_inventory()) {
        have_[kind] = crypto::to_hex(crypto::view(crypto::sha256(document.dump())));
        json item;
        item["kind"] = kind;
        item["collected_at"] = now_text();
        item["document"] = std::move(document);
        into_.append(item_kind::inventory, item.dump(-1, ' ', false, json::error_handler_t::replace));
    }
}

void collector::collect_package_list()
{
    const auto packages = collect_packages();
    const auto digest = digest_of(packages);
    have_["packages"] = digest;
    if (digest == packages_sent_ || digest == packages_spooled_) return;
    const auto document = to_document(packages, now_text());
    if (into_.append(item_kind::packages, document.dump(-1, ' ', false, json::error_handler_t::replace))) {
        packages_spooled_ = digest;
    }
}

void collector::want(const std::string& kind)
{
    // Only what is known here: a gateway that wants more cannot make this one collect without end.
    if (have_.contains(kind)) wanted_.insert(kind);
}

void collector::packages_stored(std::string_view sha256)
{
    packages_sent_ = sha256;
    try {
        store_file(sent_file_, sha256);
    } catch (const error& why) {
        log::failure("state.not_stored", why);
    }
}

json collector::heartbeat(bool with_metrics) const
{
    json body;
    body["at"] = now_text();
    body["boot_id"] = machine_.boot_id;
    body["instance"] = instance_;
    body["agent_version"] = LEASEHOLD_VERSION;
    body["uptime_s"] = static_cast<std::int64_t>(read_uptime());
    body["metrics"] = json::object();
    if (with_metrics) {
        for (const auto& [name, value] : collect_metrics()) body["metrics"][name] = value;
        if (clock_error_)
            body["metrics"]["clock_error_seconds"] = static_cast<double>(clock_error_->count()) / 1000;
    }
    body["spool"]["bytes"] = into_.bytes();
    body["spool"]["dropped"] = into_.dropped_in_all();
    if (const auto oldest = into_.oldest_at()) body["spool"]["oldest_at"] = to_rfc3339(*oldest);
    body["have"] = have_;
    return body;
}

void collector::report(std::string_view kind, json detail)
{
    json event;
    event["id"] = uuid::time_ordered().to_string();
    event["at"] = now_text();
    event["kind"] = kind;
    event["detail"] = std::move(detail);
    into_.append(item_kind::event, event.dump(-1, ' ', false, json::error_handler_t::replace));
}

void collector::report_losses()
{
    const auto lost = into_.take_losses();
    if (!lost.any()) return;
    json detail = json::object();
    for (const auto& [kind, items] : lost.dropped) detail["dropped"][std::string(to_text(kind))] = items;
    if (lost.damaged > 0) detail["damaged"] = lost.damaged;
    if (lost.cut_bytes > 0) detail["cut_bytes"] = lost.cut_bytes;
    if (lost.disk_full) detail["disk_full"] = true;
    log::warn("spool.lost", {{"detail", detail.dump()}});
    report("spool.lost", std::move(detail));
}

}  // namespace leasehold::agent
