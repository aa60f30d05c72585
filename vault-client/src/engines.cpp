#include "engines.hpp"

namespace leasehold::vault_client::engines {
namespace {

constexpr std::size_t most_kv_fields = 64;
constexpr std::size_t longest_kv_value = 64U << 10U;
constexpr std::size_t most_keys = 100000;

}  // namespace

fields data_of(answer& from)
{
    return fields(from.body).object("data");
}

std::vector<std::string> keys_of(answer& from)
{
    return data_of(from).texts("keys", most_keys, 1024);
}

task<std::optional<kv_entry>> get_kv(exchange& at, const kv_path& path)
{
    call what(call_kind::kv, http::method::get, at.settings().mounts.kv + "/data/" + path.text());
    what.is_secret = true;
    auto got = co_await at.send(std::move(what));
    if (got.absent) co_return std::nullopt;
    auto data = data_of(got);
    kv_entry entry;
    entry.version = static_cast<int>(data.object("metadata").integer("version"));
    auto values = data.object("data");
    if (values.raw().size() > most_kv_fields) refuse_answer("data", "has too many fields");
    for (auto& [name, value] : values.raw().items()) {
        if (!value.is_string()) refuse_answer("data", "holds something else than text");
        entry.data.emplace(name, values.secret_text(name, longest_kv_value));
    }
    co_return entry;
}

task<int> put_kv(
    exchange& at,
    const kv_path& path,
    const std::map<std::string, secret<std::string>>& data,
    std::optional<int> cas
)
{
    secret_body inner;
    for (const auto& [name, value] : data) inner.add(name, value.reveal());
    auto inner_text = inner.take();
    secret_body body;
    body.add_raw("data", inner_text);
    wipe(inner_text);
    if (cas) body.add_raw("options", "{\"cas\":" + std::to_string(*cas) + "}");
    call what(call_kind::kv, http::method::post, at.settings().mounts.kv + "/data/" + path.text());
    what.is_secret = true;
    what.body = body.take();
    auto got = co_await at.send(std::move(what));
    co_return static_cast<int>(data_of(got).integer("version"));
}

task<void> delete_kv(exchange& at, const kv_path& path)
{
    call what(call_kind::kv, http::method::del, at.settings().mounts.kv + "/metadata/" + path.text());
    co_await at.send(std::move(what));
}

}  // namespace leasehold::vault_client::engines
