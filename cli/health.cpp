#include "command.hpp"
#include "failure.hpp"
#include "local_config.hpp"
#include "output.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/http/client.hpp>

#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

task<http::answer> ask(http::origin where, secret<std::string> token)
{
    http::client client(std::move(where), http::client_settings());
    http::request what(http::method::get, "/readyz");
    what.fields.set("Accept", "application/json");
    if (!token.empty()) what.fields.set("Authorization", "Bearer " + std::string(token.reveal()));
    co_return co_await client.send(std::move(what));
}

int health(const invocation& how)
{
    const auto values = load_local_config(how).values.metrics;
    if (values.listen.is_unix())
        throw usage_error("metrics.listen is a Unix socket; ask it with curl --unix-socket");
    secret<std::string> token;
    if (!values.token_file.empty()) token = load_secret_line(values.token_file);
    const bool everywhere = values.listen.host == "0.0.0.0" || values.listen.host == "::";
    http::origin where;
    where.host = everywhere ? "127.0.0.1" : values.listen.host;
    where.port = values.listen.port;
    const auto answer = run(ask(std::move(where), std::move(token)));
    const auto report = nlohmann::json::parse(answer.body, nullptr, false);
    if (how.json || !report.is_object()) {
        print(answer.body);
    } else {
        print(cell(report, "status"));
        for (const auto& one : report.value("checks", nlohmann::json::array())) {
            print(
                "  " + cell(one, "name") + ": " + (one.value("ok", false) ? "ok" : "NOT OK") + "  " +
                one.value("detail", "")
            );
        }
    }
    return answer.status == 200 ? 0 : 1;
}

}  // namespace

// Whether the process of this machine is ready: /readyz of its metrics listener.
void declare_health(command& at, const invocation& how)
{
    at.runs([&how] { return health(how); });
}

}  // namespace leasehold::cli
