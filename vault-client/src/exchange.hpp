#pragma once

#include "answer.hpp"
#include "classify.hpp"
#include "nodes.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>

namespace leasehold::vault_client {

struct call
{
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    call(call&&) = default;
    call& operator=(call&&) = default;
    ~call()
    {
        if (is_secret) wipe(body);
    }
    call(call_kind of, http::method with, std::string at) : kind(of), verb(with), path(std::move(at)) {}

    call_kind kind;
    http::method verb;
    std::string path;   // below /v1/
    std::string query;  // encoded
    std::string body;
    bool wants_token = true;
    bool in_namespace = true;
    bool any_node = false;   // also to one that serves nobody: seal-status, init, unseal
    bool is_secret = false;  // either body holds a secret
    std::size_t answer_limit = 1U << 20U;
    write_index index;
    std::chrono::milliseconds timeout{0};  // 0: the settings'
};

// One call to the broker: node, headers, redirects, and what the answer means.
class exchange
{
public:
    exchange(broker_settings settings, const clock_source& clock, metrics& into);

    void use_token(std::shared_ptr<const secret<std::string>> token) noexcept { token_ = std::move(token); }
    void use_ca_file(const std::string& file);
    task<answer> send(call what);
    task<health_report> health();
    [[nodiscard]] const broker_settings& settings() const noexcept { return settings_; }

private:
    task<answer> attempt(call what);
    // Whether a 403 came from a dead token or from a missing policy.
    task<failure> explain_forbidden(node& at);
    task<answer> send_to(node& at, const call& what);
    [[nodiscard]] http::request request_for(const call& what, bool with_token) const;
    [[nodiscard]] node& redirected(const call& what, const node& from, const http::answer& got);
    void note_warnings(const json& body);
    void count(call_kind kind, std::string_view outcome, std::chrono::nanoseconds took);

    broker_settings settings_;
    const clock_source& clock_;
    metrics& metrics_;
    nodes nodes_;
    std::shared_ptr<const secret<std::string>> token_;
    std::set<std::string> warned_;
    std::map<std::pair<call_kind, std::string_view>, metrics::counter> requests_;
    std::map<call_kind, metrics::histogram> seconds_;
    metrics::counter refused_redirects_;
};

// A body {"name": "value", ...} without a JSON tree that would keep copies of secrets.
class secret_body
{
public:
    secret_body() { text_.reserve(4096); }
    ~secret_body() { wipe(text_); }
    void add(std::string_view name, std::string_view value);
    void add_raw(std::string_view name, std::string_view json_text);
    [[nodiscard]] std::string take();

private:
    void key(std::string_view name);
    void quoted(std::string_view value);
    std::string text_;
};

}  // namespace leasehold::vault_client
