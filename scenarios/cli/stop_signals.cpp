// Signals belong to the process: the one place where the program keeps something outside of arguments.
#include "scenarios/cli/stop_signals.h"

#include <atomic>
#include <csignal>

namespace vhdlab::scenarios {
namespace {

std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free, "set from a signal handler");

void note_signal(int signal_number) {
  received.store(signal_number);
}

}  // namespace

void watch_stop_signals() {
  struct sigaction action{};
  sigemptyset(&action.sa_mask);
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    // A program started in the background of a script is meant not to hear Ctrl-C, one under nohup no
    // hang-up.
    struct sigaction before{};
    sigaction(signal_number, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;
    action.sa_handler = note_signal;
    // The second one does what it always does; but a shell and the system may both tell of one hang-up.
    action.sa_flags = signal_number == SIGHUP ? 0 : static_cast<int>(SA_RESETHAND);
    sigaction(signal_number, &action, nullptr);
  }
  action.sa_handler = SIG_IGN;
  action.sa_flags = 0;
  sigaction(SIGPIPE, &action, nullptr);
}

int stop_signal() {
  return received.load();
}

void end_by_signal(int signal_number) {
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

}  // namespace vhdlab::scenarios
