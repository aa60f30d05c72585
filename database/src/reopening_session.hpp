#pragma once

#include <leasehold/database/session.hpp>

#include <memory>

namespace leasehold::database {

// The session of one pool worker: opened at the first use, and again after it was lost. A connection that
// turns out dead at BEGIN, when nothing was done yet, is replaced within the same call.
class reopening_session final : public session
{
public:
    // The connection there is is closed if it leads elsewhere.
    void use(const std::shared_ptr<const endpoint>& where)
    {
        if (where == where_) return;
        where_ = where;
        inner_.reset();
    }

    void in_transaction(const std::function<void(transaction&)>& work) override;
    void run_plain(std::string_view sql) override { open().run_plain(sql); }
    std::vector<row> run_plain_rows(std::string_view sql) override { return open().run_plain_rows(sql); }
    [[nodiscard]] bool is_lost() const noexcept override { return inner_ == nullptr || inner_->is_lost(); }
    [[nodiscard]] int server_version() const noexcept override
    {
        return inner_ ? inner_->server_version() : 0;
    }
    [[nodiscard]] int backend_pid() const noexcept override { return inner_ ? inner_->backend_pid() : 0; }
    [[nodiscard]] std::string quote_identifier(std::string_view name) const override;
    [[nodiscard]] std::string quote_literal(std::string_view text) const override;
    std::vector<std::string> take_notices() override;

private:
    session& open();

    std::shared_ptr<const endpoint> where_;
    std::unique_ptr<session> inner_;
};

}  // namespace leasehold::database
