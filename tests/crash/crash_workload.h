// A disk in use on a file system whose power can be cut: what the tests do to it, the oracle that knows what
// it may read as, and the search that cuts the power before every barrier.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/chain/chain_queue.h"
#include "tests/crash/crash_check.h"

namespace vhdlab::tests {

struct DiskShape {
  uint64_t disk_size_bytes = 3 * mib;
  uint32_t block_size_bytes = 1 * mib;
  uint32_t sector_size_bytes = 512;
  bool fixed = false;
  ResolveMode resolve = ResolveMode::walk;
  bool three_table_pages = false;  // in memory at a time
  bool queued = false;             // writes and flushes go through a queue
};

class CrashWorkload {
 public:
  CrashWorkload(const DiskShape& shape, const CutLimits& limits, double effort, uint64_t seed);
  ~CrashWorkload();
  CrashWorkload(const CrashWorkload&) = delete;
  CrashWorkload& operator=(const CrashWorkload&) = delete;

  // Each step is one call of the engine, with the power cut before every barrier inside it. Offsets and
  // lengths are bytes in whole sectors. A step that fails is trouble.
  void write(uint64_t offset, uint64_t length);
  void zero(uint64_t offset, uint64_t length);
  void trim(uint64_t offset, uint64_t length);
  void flush();
  void checkpoint(uint32_t block_size_bytes);
  void close_and_reopen();

  // Any of the steps above, anywhere.
  void random_step();

  // What is left undone when the last step is done is cut too.
  void finish();

  // From now on `judge` looks at each state after a cut instead of check_state. What it answers is trouble.
  using Judge = std::function<std::optional<std::string>(PowerCutFileSystem& disk, const std::string& path,
                                                         const DiskOracle& oracle)>;
  void judge_states_by(Judge judge) { judge_ = std::move(judge); }

  // From now on the power is not cut: for setting up.
  void keep_power() { power_may_fail_ = false; }
  void let_power_fail() { power_may_fail_ = true; }

  [[nodiscard]] const CrashTally& tally() const { return tally_; }
  [[nodiscard]] bool in_trouble() const { return tally_.trouble.has_value(); }
  [[nodiscard]] uint64_t disk_size_bytes() const { return oracle_.live().size(); }
  [[nodiscard]] PowerCutFileSystem& files() { return files_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const DiskOracle& oracle() const { return oracle_; }
  [[nodiscard]] std::string story() const { return story_; }

 private:
  void look_at_every_cut();
  void expect(const Result<void>& done);
  [[nodiscard]] Result<void> through_a_queue(const std::function<void(ChainQueue&)>& submit);
  void open();

  DiskShape shape_;
  CutLimits limits_;
  double effort_;
  SeededRandom random_;   // of the workload
  SeededRandom cutting_;  // of the search, so that it does not change the workload
  PowerCutFileSystem files_;
  std::string path_ = "/disks/0.vhdx";
  std::string next_path_;  // while a checkpoint is taken
  int files_made_ = 1;
  DiskOracle oracle_;
  std::optional<Chain> chain_;
  WritePlan plan_;
  CrashTally tally_;
  uint32_t leaf_block_size_bytes_;
  Judge judge_;  // none: check_state
  bool power_may_fail_ = true;
  std::string story_;  // the steps so far, for messages
};

}  // namespace vhdlab::tests
