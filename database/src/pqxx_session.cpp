// The only file that knows libpqxx. Written for 6.4 (Debian 12); docs/dependencies.md lists what differs in 7
// and 8.
#include "dial.hpp"
#include "notification_source.hpp"
#include "sqlstate.hpp"

#include <leasehold/base/metrics.hpp>
#include <leasehold/database/session.hpp>

#include <pqxx/pqxx>

#include <chrono>
#include <map>
#include <utility>

#if PQXX_VERSION_MAJOR != 6
#error "pqxx_session.cpp speaks to libpqxx 6.4; see the table of differences in docs/dependencies.md"
#endif

namespace leasehold::database {
namespace {

constexpr std::size_t notice_limit = 1000;

// Gives libpqxx a connection that is open already, once.
class adopting_policy final : public pqxx::connectionpolicy
{
public:
    explicit adopting_policy(open_connection open) : connectionpolicy(std::string()), open_(std::move(open))
    {}

    handle do_startconnect(handle given) override { return given != nullptr ? given : open_.release(); }
    handle do_completeconnect(handle given) override { return given; }

private:
    open_connection open_;
};

class connection final : public pqxx::connection_base
{
public:
    explicit connection(open_connection open)
        : connection_base(policy_)
        , raw_(open.get())
        , policy_(std::move(open))
    {
        init();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
        // Deprecated because version 7 has no reactivation. Here it would bring a lost connection back as
        // another backend, without session settings and advisory locks.
        inhibit_reactivation(true);
#pragma GCC diagnostic pop
        set_verbosity(terse);  // no DETAIL and no LINE: they quote values and statements
    }
    ~connection()
    {
        close();
    }

    [[nodiscard]] PGTransactionStatusType transaction_status() const noexcept
    {
        return PQtransactionStatus(raw_);
    }

private:
    const PGconn* raw_;
    adopting_policy policy_;
};

class notice_keeper final : public pqxx::errorhandler
{
public:
    explicit notice_keeper(connection& from) : errorhandler(from) {}
    // False: no other handler sees it (the default one writes to stderr).
    bool operator()(const char message[]) noexcept override
    {
        try {
            std::string text(message);
            while (!text.empty() && text.back() == '\n') text.pop_back();
            if (!text.empty() && notices_.size() < notice_limit) notices_.push_back(std::move(text));
        } catch (const std::bad_alloc&) {  // a notice is not worth a process
        }
        return false;
    }
    std::vector<std::string> take() { return std::exchange(notices_, {}); }

private:
    std::vector<std::string> notices_;
};

// libpqxx 6.4 throws some classes without the SQLSTATE they stand for; the class then says it.
std::string sqlstate_of(const pqxx::sql_error& e)
{
    if (!e.sqlstate().empty()) return e.sqlstate();
    if (dynamic_cast<const pqxx::insufficient_privilege*>(&e) != nullptr) return "42501";
    if (dynamic_cast<const pqxx::undefined_table*>(&e) != nullptr) return "42P01";
    if (dynamic_cast<const pqxx::undefined_column*>(&e) != nullptr) return "42703";
    if (dynamic_cast<const pqxx::undefined_function*>(&e) != nullptr) return "42883";
    if (dynamic_cast<const pqxx::syntax_error*>(&e) != nullptr) return "42601";
    if (dynamic_cast<const pqxx::disk_full*>(&e) != nullptr) return "53100";
    if (dynamic_cast<const pqxx::out_of_memory*>(&e) != nullptr) return "53200";
    if (dynamic_cast<const pqxx::insufficient_resources*>(&e) != nullptr) return "53000";
    return {};
}

// From within a catch block: what libpqxx threw, as ours. 6.4 gives its rollback classes no SQLSTATE.
[[noreturn]] void rethrow_as_ours(std::string_view where)
{
    try {
        throw;
    } catch (const leasehold::error&) {
        throw;
    } catch (const pqxx::in_doubt_error& e) {
        throw sql_error(
            error_kind::unavailable,
            "database_commit_in_doubt",
            "the connection was lost during the commit: it may have happened or not",
            e.what(),
            "08007"
        );
    } catch (const pqxx::too_many_connections& e) {
        throw to_error("53300", where, e.what());
    } catch (const pqxx::broken_connection& e) {
        throw to_error("08006", where, e.what());
    } catch (const pqxx::serialization_failure& e) {
        throw to_error("40001", where, e.what());
    } catch (const pqxx::deadlock_detected& e) {
        throw to_error("40P01", where, e.what());
    } catch (const pqxx::statement_completion_unknown& e) {
        throw to_error("40003", where, e.what());
    } catch (const pqxx::transaction_rollback& e) {
        throw to_error("40000", where, e.what());
    } catch (const pqxx::sql_error& e) {
        throw to_error(sqlstate_of(e), where, e.what());
    } catch (const std::exception& e) {
        throw to_error("", where, e.what());
    }
}

std::vector<row> to_rows(const pqxx::result& result)
{
    auto names = std::make_shared<std::vector<std::string>>();
    for (pqxx::row::size_type i = 0; i < result.columns(); ++i) names->emplace_back(result.column_name(i));
    std::vector<row> rows;
    rows.reserve(result.size());
    for (const auto& from : result) {
        std::vector<std::optional<std::string>> fields;
        fields.reserve(from.size());
        for (const auto& field : from) {
            if (field.is_null())
                fields.emplace_back();
            else
                fields.emplace_back(std::in_place, field.c_str(), field.size());
        }
        rows.emplace_back(names, std::move(fields));
    }
    return rows;
}

// PostgreSQL's texts end at the first zero byte: what stands behind it would be lost without a word.
void refuse_zero_byte(std::string_view text)
{
    if (text.find('\0') != std::string_view::npos) {
        throw error(error_kind::invalid, "text_malformed", "a text with a zero byte cannot be stored");
    }
}

// A statement this session has prepared, and where its time is counted.
struct known_query
{
    std::string_view sql;
    metrics::histogram seconds;
};

class pqxx_session;

class pqxx_transaction final : public transaction
{
public:
    pqxx_transaction(pqxx_session& owner, pqxx::transaction_base& tx) : owner_(owner), tx_(tx) {}

    std::vector<row> query_rows(const query& what, const params& with) override
    {
        return to_rows(exec(what, with));
    }
    std::int64_t execute(const query& what, const params& with) override
    {
        return static_cast<std::int64_t>(exec(what, with).affected_rows());
    }
    void run_script(std::string_view sql) override { exec_text(sql); }
    std::vector<row> run_rows(std::string_view sql) override { return to_rows(exec_text(sql)); }
    [[nodiscard]] std::string quote_identifier(std::string_view name) const override;
    [[nodiscard]] std::string quote_literal(std::string_view text) const override;

private:
    pqxx::result exec(const query& what, const params& with);
    pqxx::result exec_text(std::string_view sql);

    pqxx_session& owner_;
    pqxx::transaction_base& tx_;
};

class pqxx_session final : public session
{
public:
    explicit pqxx_session(open_connection open) : connection_(std::move(open)), notices_(connection_) {}

    void in_transaction(const std::function<void(transaction&)>& work) override
    {
        guarded("transaction", [&] {
            pqxx::work tx(connection_);
            pqxx_transaction ours(*this, tx);
            work(ours);
            // The server would answer COMMIT with ROLLBACK, and libpqxx would not notice.
            if (connection_.transaction_status() != PQTRANS_INTRANS && connection_.is_open()) {
                throw error(
                    error_kind::internal,
                    "transaction_aborted",
                    "the transaction failed",
                    "a failed statement was passed over, or the work ended the transaction itself"
                );
            }
            tx.commit();
        });
    }
    void run_plain(std::string_view sql) override { exec_plain(sql); }
    std::vector<row> run_plain_rows(std::string_view sql) override { return to_rows(exec_plain(sql)); }
    [[nodiscard]] bool is_lost() const noexcept override { return lost_ || !connection_.is_open(); }
    [[nodiscard]] int server_version() const noexcept override { return connection_.server_version(); }
    [[nodiscard]] int backend_pid() const noexcept override { return connection_.backendpid(); }
    [[nodiscard]] std::string quote_identifier(std::string_view name) const override
    {
        refuse_zero_byte(name);
        return guarded("quote_identifier", [&] { return connection_.quote_name(std::string(name)); });
    }
    [[nodiscard]] std::string quote_literal(std::string_view text) const override
    {
        refuse_zero_byte(text);
        return guarded("quote_literal", [&] { return connection_.quote(std::string(text)); });
    }
    std::vector<std::string> take_notices() override { return notices_.take(); }

    // Does `work`, with what libpqxx throws made ours.
    template <class Work>
    std::invoke_result_t<Work&> guarded(std::string_view where, Work work) const
    {
        try {
            return work();
        } catch (...) {
            note_loss();
            rethrow_as_ours(where);
        }
    }

    const known_query& prepared(const query& what)
    {
        const std::string name(what.name);
        const auto found = known_.find(name);
        if (found != known_.end() && found->second.sql == what.sql) return found->second;
        // A name stands for one statement of the program; tests that break the rule get the new text.
        if (found != known_.end()) {
            connection_.unprepare(name);
            known_.erase(found);
        }
        connection_.prepare(name, std::string(what.sql));
        const auto seconds = process_metrics().make_histogram(
            "leasehold_registry_query_seconds",
            "Time of a query at the database, by name",
            {{"query", what.name}}
        );
        return known_.emplace(name, known_query{what.sql, seconds}).first->second;
    }

private:
    pqxx::result exec_plain(std::string_view sql)
    {
        refuse_zero_byte(sql);
        return guarded("statement", [&] {
            pqxx::nontransaction tx(connection_);
            return tx.exec(std::string(sql));
        });
    }
    void note_loss() const noexcept
    {
        if (!connection_.is_open()) lost_ = true;
    }

    mutable connection connection_;  // libpqxx's quoting functions are not const
    notice_keeper notices_;
    mutable bool lost_ = false;
    std::map<std::string, known_query> known_;
};

std::string pqxx_transaction::quote_identifier(std::string_view name) const
{
    return owner_.quote_identifier(name);
}

std::string pqxx_transaction::quote_literal(std::string_view text) const
{
    return owner_.quote_literal(text);
}

pqxx::result pqxx_transaction::exec(const query& what, const params& with)
{
    std::vector<const char*> values;
    values.reserve(with.size());
    for (const auto& one : with) {
        if (one.text()) refuse_zero_byte(*one.text());
        values.push_back(one.text() ? one.text()->c_str() : nullptr);
    }
    return owner_.guarded(what.name, [&] {
        const auto& known = owner_.prepared(what);
        const auto begin = std::chrono::steady_clock::now();
        auto result = tx_.exec_prepared(std::string(what.name), pqxx::prepare::make_dynamic_params(values));
        known.seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()
        );
        return result;
    });
}

pqxx::result pqxx_transaction::exec_text(std::string_view sql)
{
    refuse_zero_byte(sql);
    return owner_.guarded("script", [&] { return tx_.exec(std::string(sql)); });
}

class pqxx_notification_source final : public notification_source
{
public:
    pqxx_notification_source(open_connection open, const std::string& channel)
        : connection_(std::move(open))
        , notices_(connection_)
        , receiver_(connection_, channel)
    {}

    [[nodiscard]] int socket() const noexcept override { return connection_.sock(); }
    std::vector<std::string> take() override
    {
        try {
            connection_.get_notifs();
            if (!connection_.is_open()) throw pqxx::broken_connection();
        } catch (...) {
            rethrow_as_ours("listen");
        }
        return std::exchange(receiver_.payloads, {});
    }

private:
    struct receiver final : pqxx::notification_receiver
    {
        receiver(pqxx::connection_base& from, const std::string& channel)
            : notification_receiver(from, channel)
        {}
        void operator()(const std::string& payload, int) override { payloads.push_back(payload); }
        std::vector<std::string> payloads;
    };

    connection connection_;
    notice_keeper notices_;
    receiver receiver_;
};

}  // namespace

std::unique_ptr<session> connect(const endpoint& where)
{
    return std::make_unique<pqxx_session>(dial(where));
}

std::unique_ptr<notification_source> listen(const endpoint& where, const std::string& channel)
{
    auto open = dial(where);
    try {
        return std::make_unique<pqxx_notification_source>(std::move(open), channel);
    } catch (...) {
        rethrow_as_ours("listen");
    }
}

}  // namespace leasehold::database
