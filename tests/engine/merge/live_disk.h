// A disk that several threads read and write all the time, each its own stripes of it, checking every read
// against a plain array of bytes. The chain under them is changed by a live merge.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/merge/live_merge.h"
#include "tests/engine/chain/chain_workbench.h"

namespace vhdlab::tests {

class BusyDisk final : public LiveDisk {
 public:
  struct Settings {
    ResolveMode resolve = ResolveMode::walk;
    std::optional<uint64_t> metadata_cache_bytes = {};
    CacheMode cache = CacheMode::buffered;
    uint32_t threads = 3;
    uint64_t writes_per_pause_max = ~uint64_t{0};  // of each thread, from one pause to the next
    bool only_reads = false;
  };

  // Takes over the workbench's chain and array; give_back() returns them.
  BusyDisk(ChainWorkbench& bench, const Settings& settings) : bench_(bench), settings_(settings) {
    bench_.close();
    open(bench_.paths.back());
    for (uint32_t number = 0; number < settings_.threads; ++number)
      threads_.emplace_back([this, number] { work(number); });
  }
  ~BusyDisk() override { end(); }

  // Ends the threads and gives the chain back, closed; "" or what a thread read and should not have.
  std::string give_back() {
    end();
    bench_.paths = paths();
    if (chain_) {
      EXPECT_TRUE(chain_->close());
      chain_.reset();
    }
    const std::lock_guard lock(mutex_);
    return complaint_;
  }

  std::vector<std::string> paths() const override {
    std::vector<std::string> paths;
    for (const auto& layer : chain_->layers())
      paths.push_back(layer->path());
    return paths;
  }

  Result<void> pause() override {
    std::unique_lock lock(mutex_);
    is_paused_ = true;
    changed_.wait(lock, [&] { return working_ == 0; });
    TRY(chain_->close());
    chain_.reset();
    return {};
  }

  Result<void> resume(const std::string& leaf_path) override {
    const std::lock_guard lock(mutex_);
    open(leaf_path);
    is_paused_ = false;
    ++pauses_;
    changed_.notify_all();
    return {};
  }

  std::string next_leaf_path() override { return fmt::format("{}.live-{}", bench_.paths.front(), ++leaves_); }
  uint64_t bytes_written() const override { return bytes_written_; }
  [[nodiscard]] uint64_t operations() const { return operations_; }

 private:
  static constexpr uint64_t stripe_bytes = 16 * kib;

  void open(const std::string& leaf) {
    chain_.emplace(must(open_chain(bench_.files, leaf,
                                   {.mode = OpenMode::read_write,
                                    .cache = settings_.cache,
                                    .resolve = settings_.resolve,
                                    .metadata_cache_bytes = settings_.metadata_cache_bytes},
                                   chain_random_)));
  }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      is_ending_ = true;
      changed_.notify_all();
    }
    threads_.clear();
  }

  // Waits until I/O may go on; false at the end.
  bool enter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !is_paused_ || is_ending_; });
    if (is_ending_) return false;
    ++working_;
    return true;
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    if (--working_ == 0) changed_.notify_all();
  }

  void work(uint32_t number) {
    SeededRandom random(1000 + number);
    ReadPlan read_plan;
    WritePlan write_plan;
    std::vector<std::byte> data(stripe_bytes);
    uint64_t writes = 0;
    uint64_t pause = 0;
    const uint64_t stripes = bench_.model.size() / stripe_bytes / settings_.threads;
    while (enter()) {
      if (pauses_ != pause) writes = 0;
      pause = pauses_;
      const uint64_t stripe = (random.next_u64() % stripes * settings_.threads + number) * stripe_bytes;
      const uint64_t first = random.next_u64() % (stripe_bytes / 512) * 512;
      const uint64_t length = (1 + random.next_u64() % ((stripe_bytes - first) / 512)) * 512;
      const MutableBytes own = MutableBytes(bench_.model).subspan(stripe + first, length);
      const MutableBytes here = MutableBytes(data).first(length);
      const bool writes_now =
          !settings_.only_reads && writes < settings_.writes_per_pause_max && random.next_u64() % 2 == 0;
      std::string complaint;
      if (writes_now) {
        ++writes;
        std::memset(own.data(), static_cast<int>(random.next_u64() % 256), length);
        if (auto done = chain_->write(stripe + first, own, write_plan); !done)
          complaint = done.error().text();
        bytes_written_ += length;
      } else {
        if (auto done = chain_->read(stripe + first, here, read_plan); !done) {
          complaint = done.error().text();
        } else if (std::memcmp(own.data(), here.data(), length) != 0) {
          complaint = fmt::format("{} bytes at {:#x} are not what was written there", length, stripe + first);
        }
      }
      ++operations_;
      leave();
      if (complaint.empty()) continue;
      const std::lock_guard lock(mutex_);
      if (complaint_.empty()) complaint_ = complaint;
      return;
    }
  }

  ChainWorkbench& bench_;
  Settings settings_;
  SeededRandom chain_random_{7};
  std::optional<Chain> chain_;
  int leaves_ = 0;
  std::atomic<uint64_t> bytes_written_ = 0;
  std::atomic<uint64_t> operations_ = 0;
  std::atomic<uint64_t> pauses_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_paused_ = false;
  bool is_ending_ = false;
  uint32_t working_ = 0;
  std::string complaint_;
  std::vector<std::jthread> threads_;
};

}  // namespace vhdlab::tests
