#include <leasehold/base/crypto.hpp>
#include <leasehold/base/secret.hpp>
#include <leasehold/router/wire/cancel_key.hpp>
#include <leasehold/router/wire/message.hpp>

namespace leasehold::router::wire {
namespace {

constexpr std::uint32_t router_max = 255;
constexpr std::uint32_t sign_bit = 1U << 31U;

}  // namespace

std::optional<client_pid>
client_pid::make(std::uint32_t router, std::uint32_t lane, std::uint32_t slot) noexcept
{
    if (router > router_max || lane > lane_max || slot == 0 || slot > slot_max) return std::nullopt;
    return client_pid(router << 23U | lane << 17U | slot);
}

std::optional<client_pid> client_pid::parse(std::uint32_t value) noexcept
{
    if ((value & sign_bit) != 0 || (value & slot_max) == 0) return std::nullopt;
    return client_pid(value);
}

client_key client_key::make()
{
    return client_key(load_u32(crypto::random_bytes(4)));
}

std::string client_key::bytes() const
{
    return message_writer().uint32(value_).take();
}

bool client_key::matches(std::string_view presented) const noexcept
{
    return presented.size() == 4 && (load_u32(presented) ^ value_) == 0;
}

std::optional<server_key> server_key::parse(std::string_view bytes)
{
    if (bytes.size() < 4 || bytes.size() > 256) return std::nullopt;
    return server_key(bytes);
}

void write_backend_key(message_writer& to, client_pid pid, const client_key& key)
{
    to.backend_key_data(pid.value(), key.bytes());
}

void write_cancel(message_writer& to, server_pid pid, const server_key& key)
{
    to.cancel_request(pid.value, key.bytes());
}

}  // namespace leasehold::router::wire
