// What must hold after a power cut, and the search through the states a cut can leave.
//
//   workload ──writes──► PowerCutFileSystem ──before each barrier──► CutExplorer ──each state──► a check
//                 └────► DiskOracle: per sector, what was flushed and what was written since
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/chain/chain_open.h"
#include "tests/crash/power_cut_file_system.h"

namespace vhdlab::tests {

// What a disk may read as after a cut. A sector that was flushed and not written since has one content; one
// written since has that or any it was given later.
class DiskOracle {
 public:
  // The disk reads as `content`, all of it durable.
  explicit DiskOracle(std::vector<std::byte> content) : durable_(content), live_(std::move(content)) {}

  // Called before the write is issued.
  void write(uint64_t offset, Bytes bytes);
  void zero(ByteRange range);
  // A hint on whole blocks of `block_size_bytes`: the blocks inside `range` shall read as zeros.
  void trim(ByteRange range, uint64_t block_size_bytes);

  // Called after a flush has returned.
  void flushed();

  [[nodiscard]] const std::vector<std::byte>& live() const { return live_; }

  // What is wrong with a disk that reads as `content` after a cut; nothing where nothing is.
  [[nodiscard]] std::optional<std::string> judge_after_cut(Bytes content) const;

 private:
  std::vector<std::byte> durable_;
  std::vector<std::byte> live_;
  std::map<uint64_t, std::vector<std::array<std::byte, device_sector_bytes>>> newer_;  // by sector
};

// What our own check finds wrong with the files of the disk at `path`: damage in any of them, and in a leaf
// that is settled (recovered, or closed) risks as well. Nothing where nothing is.
enum class Leaf { as_the_cut_left_it, settled };
[[nodiscard]] std::optional<std::string> fault_found_by_check(FileSystem& files, const std::string& path,
                                                              Leaf leaf);

// The first sector in which two disks differ, for messages; nothing where they are equal.
[[nodiscard]] std::optional<std::string> first_difference(Bytes found, Bytes expected);

// The whole content of the disk at `path`.
[[nodiscard]] Result<std::vector<std::byte>> read_disk(FileSystem& files, const std::string& path,
                                                       OpenMode mode, RandomSource& random);

// Walks through the states a cut can leave at one moment: all of them where they are at most
// `exhaustive_max`, else none, all, single changes alone, single changes missing, and `random_cuts` chosen
// at random.
struct CutLimits {
  uint64_t exhaustive_max = 512;
  uint64_t random_cuts = 64;
  uint64_t singles_max = 32;  // changes tried alone, and missing alone; chosen at random where there are more
};

// Calls `visit` with each state; stops early where it answers false. Returns how many were visited.
uint64_t explore_cuts(const PowerCutFileSystem& disk, const CutLimits& limits, RandomSource& random,
                      const std::function<bool(std::unique_ptr<PowerCutFileSystem>)>& visit);

// How many states a test looked at, and what it found.
struct CrashTally {
  uint64_t moments = 0;            // barriers at which the power was cut
  uint64_t moments_exhausted = 0;  // of them, those whose every state was tried
  uint64_t cuts = 0;               // states after a cut of the workload
  uint64_t replays = 0;            // of them, those that left a log to replay
  uint64_t recovery_cuts = 0;      // states after a cut of the recovery from such a state
  uint64_t second_cuts = 0;        // states after a cut of work done after such a recovery
  std::optional<std::string> trouble;

  void print(const std::string& name) const;
};

// Checks one state of a disk: our own check finds no damage, before the recovery and after it; it opens
// read-only and reads as `oracle` allows; opening it for writing changes nothing of that, whatever moment of
// the recovery is cut; and what is written and flushed afterwards survives the next cut. `effort` in 0..1:
// the share of states the costly parts are tried on.
void check_state(PowerCutFileSystem& disk, const std::string& path, const DiskOracle& oracle, double effort,
                 RandomSource& random, CrashTally& tally);

// A whole number from the environment, for the lengths of long runs.
[[nodiscard]] uint64_t number_from_environment(const char* name, uint64_t otherwise);

// A number in [0, count).
[[nodiscard]] inline uint64_t pick(RandomSource& random, uint64_t count) {
  return random.next_u64() % count;
}
[[nodiscard]] inline bool happens(RandomSource& random, double probability) {
  return static_cast<double>(random.next_u64() >> 11) < probability * static_cast<double>(uint64_t{1} << 53);
}

// `length` bytes, never zero in any sector, drawn from `random`.
[[nodiscard]] std::vector<std::byte> random_bytes(uint64_t length, RandomSource& random);

}  // namespace vhdlab::tests
