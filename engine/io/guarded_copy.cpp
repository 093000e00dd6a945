// A landing place per thread: the handler jumps there when the fault came from a copy of ours.
#include "engine/io/guarded_copy.h"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>

#include <signal.h>

namespace vhdlab {
namespace {

thread_local sigjmp_buf* landing = nullptr;
struct sigaction handler_before;

void on_bus_error(int, siginfo_t*, void*) {
  if (landing != nullptr) siglongjmp(*landing, 1);
  // Not ours: on return the same access faults again, and then reaches who had the signal before.
  ::sigaction(SIGBUS, &handler_before, nullptr);
}

bool take_over_bus_errors() {
  struct sigaction action{};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;  // the handler is left by a jump, which unblocks nothing
  return ::sigaction(SIGBUS, &action, &handler_before) == 0;
}

}  // namespace

bool copy_from_mapping(Bytes from, MutableBytes into) {
  static const bool is_guarded = take_over_bus_errors();
  (void)is_guarded;
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) {
    landing = nullptr;
    return false;
  }
  landing = &here;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memcpy(into.data(), from.data(), into.size());
  std::atomic_signal_fence(std::memory_order_seq_cst);
  landing = nullptr;
  return true;
}

}  // namespace vhdlab
