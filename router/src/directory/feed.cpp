#include "directory/feed.hpp"

#include <leasehold/base/log.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace leasehold::router {
namespace {

constexpr int newest_rows = 1000;  // among which a slow commit is looked for at the start
constexpr int changes_at_once = 1000;

std::vector<std::int64_t> ids_of(const registry::change_page& page)
{
    std::vector<std::int64_t> ids;
    ids.reserve(page.rows.size());
    for (const auto& row : page.rows) ids.push_back(row.id);
    return ids;
}

}  // namespace

feed::feed(
    asio::io_context& on,
    registry::routes& from,
    directory_keeper& keeper,
    feed_consumer& consumer,
    feed_facts& facts,
    const clock_source& clock,
    router_id self,
    installation_id installation,
    feed_settings settings
)
    : on_(on)
    , from_(from)
    , keeper_(keeper)
    , consumer_(consumer)
    , facts_(facts)
    , clock_(clock)
    , self_(self)
    , installation_(installation)
    , settings_(settings)
    , timer_(on)
{}

void feed::wake()
{
    asio::post(on_, [this] {
        is_woken_ = true;
        timer_.cancel();
    });
}

void feed::stop()
{
    asio::post(on_, [this] {
        is_stopping_ = true;
        timer_.cancel();
    });
}

void feed::key_used(const key_id& key)
{
    asio::post(on_, [this, key] { used_.insert(key); });
}

task<void> feed::pause()
{
    if (is_woken_ || is_stopping_) co_return;
    timer_.expires_after(settings_.poll_interval);
    boost::system::error_code woken;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

void feed::has_contact() noexcept
{
    facts_.last_contact.store(boot_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
    if (is_away_) log::info("feed.resumed");
    is_away_ = false;
}

task<void> feed::run()
{
    while (!is_stopping_) {
        is_woken_ = false;
        std::exception_ptr failed;
        try {
            co_await turn();
        } catch (...) {
            failed = std::current_exception();
        }
        if (failed) {
            try {
                std::rethrow_exception(failed);
            } catch (const std::exception& why) {
                if (!is_away_) log::failure("feed.interrupted", why);
            }
            is_away_ = true;
            is_woken_ = false;  // do not spin
        }
        co_await pause();
    }
}

task<void> feed::turn()
{
    if (must_load_) co_await load();
    for (bool is_more = true; is_more && !is_stopping_;) {
        auto page = co_await from_.changes(cursor_.last(), cursor_.gaps(), changes_at_once);
        has_contact();
        if (!is_ours(page)) co_return;  // never mix
        const auto ids = ids_of(page);
        is_more = ids.size() >= changes_at_once;
        if (!cursor_.take(ids, page.xmin, page.xmax, page.oldest)) {
            log::warn("feed.reload", {{"last", cursor_.last()}, {"oldest", page.oldest}});
            must_load_ = true;
            co_await load();
            co_return;
        }
        facts_.gaps.store(cursor_.gaps().size());
        if (page.rows.empty()) break;
        must_load_ = true;  // what fails from here on is made good by a load
        co_await apply(std::move(page.rows));
        must_load_ = false;
    }
    co_await acknowledge();
    co_await keep_house();
}

task<void> feed::load()
{
    const auto began = boot_clock::now();
    const auto page = co_await from_.newest_changes(newest_rows);
    if (!is_ours(page))
        throw error(error_kind::conflict, "registry_foreign", "this is another installation's registry");
    cursor_.begin(ids_of(page), page.xmin, page.xmax);
    directory_change all;
    all.installation = installation_;
    all.applied_change = cursor_.last();
    co_await load_pages(all);
    has_contact();
    const auto before = keeper_.current();
    const auto now = keeper_.replace(std::move(all));
    if (before) todo_.add(acts_between(*before, *now, to_summary(*before), clock_.wall()));
    co_await consumer_.publish(now);
    co_await act();
    co_await consumer_.look_at_license();
    must_load_ = false;
    const bool is_first = !facts_.is_loaded.exchange(true);
    const auto count = now->count();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(boot_clock::now() - began);
    log::info(
        "directory.loaded",
        {{"tenants", count.tenants},
         {"keys", count.keys},
         {"hosts", count.hosts},
         {"servers", count.servers},
         {"change", now->applied_change()},
         {"first", is_first},
         {"ms", took.count()}}
    );
}

task<void> feed::load_pages(directory_change& into)
{
    const auto servers = co_await from_.servers();
    for (const auto& row : servers) into.servers[row.id] = to_record(row);
    for (std::optional<tenant_id> after;;) {
        const auto rows = co_await from_.tenants_after(after, settings_.page);
        for (const auto& row : rows) into.tenants[row.id] = to_record(row);
        if (rows.size() < static_cast<std::size_t>(settings_.page)) break;
        after = rows.back().id;
    }
    for (std::optional<key_id> after;;) {
        const auto rows = co_await from_.keys_after(after, settings_.page);
        for (const auto& row : rows) into.keys[row.id] = to_record(row);
        if (rows.size() < static_cast<std::size_t>(settings_.page)) break;
        after = rows.back().id;
    }
    for (std::optional<host_id> after;;) {
        const auto rows = co_await from_.hosts_after(after, settings_.page);
        for (const auto& row : rows) into.hosts[row.id] = to_record(row);
        if (rows.size() < static_cast<std::size_t>(settings_.page)) break;
        after = rows.back().id;
    }
    for (std::optional<token_id> after;;) {
        const auto rows = co_await from_.tokens_after(after, settings_.page);
        for (const auto& row : rows) into.tokens[row.id] = to_record(row);
        if (rows.size() < static_cast<std::size_t>(settings_.page)) break;
        after = rows.back().id;
    }
    for (std::string after;;) {
        const auto rows = co_await from_.domains_after(after, settings_.page);
        for (const auto& row : rows) into.domains[row.domain] = to_record(row);
        if (rows.size() < static_cast<std::size_t>(settings_.page)) break;
        after = rows.back().domain;
    }
}

task<void> feed::apply(std::vector<registry::change_row> rows)
{
    const auto summary = to_summary(rows);
    todo_.tenants_to_retire.insert(summary.leases_to_drop.begin(), summary.leases_to_drop.end());
    if (!summary.names.empty()) {
        auto names = summary.names;
        const auto present = co_await from_.read(std::move(names));
        auto change = to_change(summary.names, present);
        change.applied_change = cursor_.last();
        const auto before = keeper_.current();
        const auto now = keeper_.apply(std::move(change));
        todo_.add(acts_between(*before, *now, summary, clock_.wall()));
        co_await consumer_.publish(now);
    }
    co_await act();
    if (summary.has_license) co_await consumer_.look_at_license();
}

// Before whatever else may fail: to the next comparison it would be no news.
task<void> feed::act()
{
    if (todo_.empty()) co_return;
    auto now = todo_;
    co_await consumer_.perform(std::move(now));
    todo_ = {};
}

task<void> feed::acknowledge()
{
    auto gaps = cursor_.gaps();
    if (cursor_.last() == told_ && gaps == told_gaps_) co_return;
    auto told = gaps;
    const bool is_known = co_await from_.acknowledge(self_, cursor_.last(), std::move(told));
    if (is_known) {
        told_ = cursor_.last();
        told_gaps_ = std::move(gaps);
    } else {
        co_await consumer_.register_again();
    }
}

task<void> feed::keep_house()
{
    const auto now = boot_clock::now();
    if (now >= next_beat_) {
        next_beat_ = now + settings_.beat_interval;
        auto slots = nlohmann::json::object();
        const bool is_known = co_await from_.beat(self_, std::move(slots));
        if (!is_known) co_await consumer_.register_again();
    }
    if (now >= next_license_) {
        next_license_ = now + settings_.license_interval;
        co_await consumer_.look_at_license();
    }
    if (now >= next_stamps_ && !used_.empty()) {
        next_stamps_ = now + settings_.stamp_interval;
        std::vector<key_id> keys(used_.begin(), used_.end());
        used_.clear();
        co_await from_.keys_used(std::move(keys));
    }
}

bool feed::is_ours(const registry::change_page& page)
{
    const bool ours = page.installation == installation_;
    if (!ours && !facts_.is_foreign.load()) {
        log::error(
            "registry.foreign",
            {{"expected", installation_.to_string()}, {"found", page.installation.to_string()}}
        );
    }
    facts_.is_foreign.store(!ours);
    return ours;
}

}  // namespace leasehold::router
