// Holds a workload's workers up while the chain below them is changed, and lets them go on with the chain
// that takes its place.
//
//   worker ─► enter ─► operations ... is_closed? ─► hold ─► operations ... ─► leave
//   owner            close (waits for all) ─► another chain ─► open
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "engine/chain/chain.h"

namespace vhdlab::scenarios {

// The owner's calls come from one thread; a worker has nothing in flight when it holds or leaves.
class PauseGate {
 public:
  // Open from the beginning. `chain` outlives the workers, or a close() after which another one is given.
  explicit PauseGate(Chain& chain) : chain_(&chain) {}

  // --- workers ---

  // The chain to work on; waits while the gate is closed. Null where the workload ended meanwhile: then the
  // worker is not inside.
  [[nodiscard]] Chain* enter();
  // Gives the chain back and enters again.
  [[nodiscard]] Chain* hold();
  void leave();

  // Whether a worker should hold; asked before each operation.
  [[nodiscard]] bool is_closed() const { return is_closed_.load(std::memory_order_relaxed); }
  // Whether the workload should end, with what it has.
  [[nodiscard]] bool is_over() const { return is_over_.load(std::memory_order_relaxed); }

  // Waits until then; true as soon as the gate closes or the workload is over.
  [[nodiscard]] bool wait_until(std::chrono::steady_clock::time_point when);

  void count_written(uint64_t bytes) { bytes_written_.fetch_add(bytes, std::memory_order_relaxed); }

  // --- the owner ---

  // Returns when no worker is on the chain any more.
  void close();
  void open(Chain& chain);
  // Also lets go of workers that are held up.
  void end();
  [[nodiscard]] uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Chain* chain_;
  uint32_t inside_ = 0;
  std::atomic<bool> is_closed_ = false;
  std::atomic<bool> is_over_ = false;
  std::atomic<uint64_t> bytes_written_ = 0;
};

}  // namespace vhdlab::scenarios
