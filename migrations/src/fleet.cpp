#include <leasehold/base/error.hpp>
#include <leasehold/migrations/fleet.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <thread>

namespace leasehold::migrations {
namespace {

using std::chrono::milliseconds;

constexpr int page_size = 500;
constexpr std::size_t most_waiting_per_server = 64;
constexpr int same_fault_limit = 3;

bool may_retry(const std::string& sqlstate)
{
    return sqlstate == "55P03" || sqlstate == "40P01" || sqlstate == "40001" || sqlstate.substr(0, 2) == "08";
}

// Targets of one server, handed from the planner to that server's workers.
class server_queue
{
public:
    // Waits while the queue is full; false once it is closed.
    bool push(target item)
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || items_.size() < most_waiting_per_server; });
        if (closed_) return false;
        items_.push_back(std::move(item));
        changed_.notify_all();
        return true;
    }
    std::optional<target> pop()
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || !items_.empty(); });
        if (items_.empty()) return std::nullopt;
        auto item = std::move(items_.front());
        items_.pop_front();
        changed_.notify_all();
        return item;
    }
    // No more will come; what waits is still worked on, unless it is dropped.
    void close(bool drop)
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        if (drop) items_.clear();
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<target> items_;
    bool closed_ = false;
};

class fleet_run
{
public:
    fleet_run(
        const chain& ours,
        credential_source& credentials,
        run_journal& journal,
        event_sink& events,
        const fleet_settings& settings
    )
        : ours_(ours)
        , credentials_(credentials)
        , journal_(journal)
        , events_(events)
        , settings_(settings)
    {}

    fleet_result run(target_source& targets)
    {
        const auto counts = targets.count(ours_.checksum());
        events_.planned(ours_, counts.current, counts.pending);
        feed(targets);
        for (auto& [server, queue] : queues_) queue.close(stopping());
        for (auto& worker : workers_) worker.join();
        return {counts.current, migrated_, failed_, stopping()};
    }

private:
    void feed(target_source& targets)
    {
        std::optional<tenant_id> after;
        while (!stopping()) {
            auto page = targets.page(ours_.checksum(), after, page_size);
            if (page.empty()) return;
            after = page.back().tenant;
            for (auto& item : page) {
                if (stopping()) return;
                queue_of(item.server).push(std::move(item));
            }
        }
    }

    server_queue& queue_of(const server_id& server)
    {
        const auto [place, is_new] = queues_.try_emplace(server);
        if (is_new) {
            for (int i = 0; i < settings_.parallel; ++i)
                workers_.emplace_back([this, queue = &place->second] { work(*queue); });
        }
        return place->second;
    }

    void work(server_queue& queue)
    {
        while (auto item = queue.pop()) {
            if (stopping()) continue;
            migrate(*item);
        }
    }

    void migrate(const target& item)
    {
        const auto start = std::chrono::steady_clock::now();
        auto pause = settings_.first_pause;
        for (int attempt = 1;; ++attempt) {
            try {
                const auto done = once(item);
                const auto took = std::chrono::steady_clock::now() - start;
                events_.target_done(item, done, std::chrono::duration_cast<milliseconds>(took));
                ++migrated_;
                return;
            } catch (const database::sql_error& failed) {
                if (attempt < settings_.retries && may_retry(failed.sqlstate())) {
                    wait_a_little(pause);
                    pause = std::min(pause * 2, milliseconds(8000));
                    continue;
                }
                note_failure(item, failed, attempt, failed.sqlstate());
                return;
            } catch (const std::exception& failed) {
                note_failure(item, failed, attempt, {});
                return;
            }
        }
    }

    applied once(const target& item)
    {
        auto loan = credentials_.open(item);
        apply_settings settings;
        settings.schema = item.schema;
        settings.applied_by = settings_.applied_by;
        settings.expected_database = item.database;
        settings.expected_marker = item.marker;
        settings.limits = settings_.limits;
        try {
            const auto done = apply_chain(*loan.connection, ours_, settings);
            loan.connection.reset();
            journal_.record(item, done);
            if (loan.give_back) loan.give_back();
            return done;
        } catch (...) {
            loan.connection.reset();
            if (loan.give_back) loan.give_back();
            throw;
        }
    }

    void
    note_failure(const target& item, const std::exception& why, int attempts, const std::string& sqlstate)
    {
        events_.target_failed(item, why, attempts);
        ++failed_;
        if (sqlstate.empty()) return;
        const std::lock_guard lock(faults_mutex_);
        if (migrated_ == 0 && ++faults_[sqlstate] >= same_fault_limit) faulty_file_ = true;
    }

    static void wait_a_little(milliseconds most)
    {
        thread_local std::minstd_rand random{std::random_device{}()};
        std::uniform_int_distribution<std::int64_t> jitter(0, most.count());
        std::this_thread::sleep_for(milliseconds(jitter(random)));
    }

    bool stopping() const { return faulty_file_ || (settings_.stop_requested && settings_.stop_requested()); }

    const chain& ours_;
    credential_source& credentials_;
    run_journal& journal_;
    event_sink& events_;
    const fleet_settings& settings_;
    std::map<server_id, server_queue> queues_;  // nodes stay where they are
    std::vector<std::thread> workers_;
    std::atomic<std::int64_t> migrated_ = 0;
    std::atomic<std::int64_t> failed_ = 0;
    std::atomic<bool> faulty_file_ = false;
    std::mutex faults_mutex_;
    std::map<std::string, int> faults_;
};

}  // namespace

fleet_result run_fleet(
    const chain& ours,
    target_source& targets,
    credential_source& credentials,
    run_journal& journal,
    event_sink& events,
    const fleet_settings& settings
)
{
    return fleet_run(ours, credentials, journal, events, settings).run(targets);
}

}  // namespace leasehold::migrations
