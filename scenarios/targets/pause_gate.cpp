// Counting workers; see pause_gate.h.
#include "scenarios/targets/pause_gate.h"

namespace vhdlab::scenarios {

Chain* PauseGate::enter() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !is_closed_ || is_over_; });
  if (is_over_) return nullptr;
  ++inside_;
  return chain_;
}

Chain* PauseGate::hold() {
  leave();
  return enter();
}

void PauseGate::leave() {
  const std::lock_guard lock(mutex_);
  if (--inside_ == 0) changed_.notify_all();
}

bool PauseGate::wait_until(std::chrono::steady_clock::time_point when) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, when, [&] { return is_closed_ || is_over_; });
}

void PauseGate::close() {
  std::unique_lock lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return inside_ == 0; });
}

void PauseGate::open(Chain& chain) {
  const std::lock_guard lock(mutex_);
  chain_ = &chain;
  is_closed_ = false;
  changed_.notify_all();
}

void PauseGate::end() {
  const std::lock_guard lock(mutex_);
  is_over_ = true;
  changed_.notify_all();
}

}  // namespace vhdlab::scenarios
