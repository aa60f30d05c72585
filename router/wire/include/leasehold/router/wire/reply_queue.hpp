#pragma once

#include <leasehold/router/wire/client_stream.hpp>
#include <leasehold/router/wire/server_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace leasehold::router::wire {

// Whom a reply is for.
enum class reply : std::uint8_t
{
    forward,  // to the client
    skip,     // ours: swallowed
    fake,     // owed by us: never came from a server (see next_fake)
};

// The replies one server connection owes, in order. The caller reports each message sent to
// the server and each that came back; the queue says whom a reply is for and when nothing is owed any more.
// Knows that an error in an extended batch skips to the next Sync, and that Sync inside COPY in is swallowed.
// No allocation up to 32 messages in flight; beyond that it grows once and keeps the memory.
class reply_queue
{
public:
    static constexpr std::size_t in_flight_max = 10'000;  // at this many, stop reading the client

    // When the first piece of a message is sent. Flush, Terminate and CopyData need not be told.
    void sent(client_message message, reply whose = reply::forward);
    // When the first piece of a reply has come: whom the whole message is for. Asynchronous messages change
    // nothing and are `forward`. Empty: the server sent a reply that nothing asked for; close it.
    [[nodiscard]] std::optional<reply> received(const server_event& event) noexcept;
    // Message whose fake reply is due now, in its place; the caller writes it to the client. Call until empty
    // after each sent() and received().
    [[nodiscard]] std::optional<client_message> next_fake() noexcept;

    // Nothing is owed and no batch is open: with status 'I' and a quiet socket the server may be given back.
    [[nodiscard]] bool is_empty() const noexcept
    {
        return size_ == 0 && !batch_open_ && !is_skipping_ && !is_copying_in_;
    }
    // ReadyForQuerys still owed.
    [[nodiscard]] std::size_t ready_owed() const noexcept { return ready_owed_; }
    // Extended messages were sent and no Sync behind them.
    [[nodiscard]] bool batch_open() const noexcept { return batch_open_; }
    [[nodiscard]] bool is_full() const noexcept { return size_ >= in_flight_max; }
    [[nodiscard]] bool is_copying_in() const noexcept { return is_copying_in_; }
    void clear() noexcept;  // the server is gone

private:
    struct entry
    {
        client_message message;
        reply whose;
    };
    [[nodiscard]] entry& at(std::size_t index) noexcept;
    [[nodiscard]] const entry& at(std::size_t index) const noexcept;
    void push(entry what);
    void pop() noexcept;
    void drop_markers() noexcept;
    void grow();
    [[nodiscard]] bool answers(const server_event& event) noexcept;
    void skip_to_sync() noexcept;
    void enter_copy_in() noexcept;

    static constexpr std::size_t inline_max = 32;
    entry inline_[inline_max]{};
    std::unique_ptr<entry[]> grown_;
    std::size_t capacity_ = inline_max;  // a power of two
    std::size_t head_ = 0;
    std::size_t size_ = 0;
    std::size_t ready_owed_ = 0;
    bool batch_open_ = false;
    bool is_skipping_ = false;    // after an error, and the Sync has not been sent yet
    bool is_copying_in_ = false;  // CopyInResponse came, CopyDone or CopyFail not sent yet
};

}  // namespace leasehold::router::wire
