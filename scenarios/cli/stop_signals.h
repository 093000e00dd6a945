// Ctrl-C, a request to terminate and a terminal that went away, as a question that long work asks between two
// pieces. The first signal only raises a flag, so that files are left whole; the second ends the program at
// once, except where it tells again that the terminal is gone.
#pragma once

namespace vhdlab::scenarios {

// Takes over SIGINT, SIGTERM and SIGHUP, and ignores SIGPIPE (a reader that went away shows as a failed
// write). Once per process.
void watch_stop_signals();

// The signal that asked to stop; 0 for none.
[[nodiscard]] int stop_signal();

// Ends this process as if the signal had not been taken over: a shell's loop then stops, too.
void end_by_signal(int signal_number);

}  // namespace vhdlab::scenarios
