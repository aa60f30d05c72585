#pragma once

// The line's `leasehold serve`, ended as a power cut would end it and started again.
namespace leasehold::test {

// SIGTERM; does not wait.
void begin_to_stop_serve();
// SIGKILL; returns when the process is gone.
void kill_serve();
// Another one in its place, ready when this returns; the fixture ends it as it would have ended the first.
// What waits for the killed process's acknowledgement goes on at once, as if the minute had passed after
// which a silent one counts as dead.
void start_serve();

}  // namespace leasehold::test
