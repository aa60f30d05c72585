#include "reopening_session.hpp"

#include "sqlstate.hpp"

#include <leasehold/base/log.hpp>

#include <utility>

namespace leasehold::database {
namespace {

// The service's own login being refused is no business of whoever asked the service.
std::unique_ptr<session> connect_as_service(const endpoint& where)
{
    try {
        return connect(where);
    } catch (const sql_error& e) {
        if (e.kind() != error_kind::unauthenticated) throw;
        throw sql_error(
            error_kind::unavailable,
            "database_unavailable",
            "the database cannot be reached",
            e.what(),
            e.sqlstate()
        );
    }
}

}  // namespace

session& reopening_session::open()
{
    if (is_lost()) {
        inner_.reset();
        inner_ = connect_as_service(*where_);
    }
    return *inner_;
}

void reopening_session::in_transaction(const std::function<void(transaction&)>& work)
{
    const bool is_fresh = is_lost();
    bool begun = false;
    const auto noting = [&](transaction& tx) {
        begun = true;
        work(tx);
    };
    try {
        open().in_transaction(noting);
        return;
    } catch (const sql_error& e) {
        if (!ends_connection(e.sqlstate()) && !is_stale_plan(e.sqlstate())) throw;
        inner_.reset();
        // A stale plan failed the transaction as a whole: nothing of it has happened, so it may run again.
        const bool may_repeat = !is_fresh && (!begun || is_stale_plan(e.sqlstate()));
        if (!may_repeat) throw;
    }
    open().in_transaction(work);
}

std::string reopening_session::quote_identifier(std::string_view name) const
{
    if (!inner_) throw to_error("08003", "quote_identifier", "no connection");
    return inner_->quote_identifier(name);
}

std::string reopening_session::quote_literal(std::string_view text) const
{
    if (!inner_) throw to_error("08003", "quote_literal", "no connection");
    return inner_->quote_literal(text);
}

std::vector<std::string> reopening_session::take_notices()
{
    return inner_ ? inner_->take_notices() : std::vector<std::string>();
}

}  // namespace leasehold::database
