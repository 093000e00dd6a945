// How a merge of the leaf goes on while the machine writes: pass after pass, each over what was written
// during the one before, until what is left fits into a pause, or until it is plain that it never will.
//
//   pass 1   D            ████████████████████
//   pass 2   D·W/C        ██████████
//   pass 3   D·(W/C)²     █████
//   pause    what is left ▪
//
// Pure: is told what passes did and answers what to do. The engine and the simulator go by it alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/merge/merge_time.h"

namespace vhdlab {

struct LiveLimits {
  uint64_t pause_bytes_max = 4 * mib;  // what may be merged in a pause: some 10 ms of copying
  // At W = 0.97 C, the most that is not taken for a stall, a rest 256 times smaller takes 182.
  uint32_t passes_max = 200;
  // So many passes one after the other left at least 97 % of what they had been given: the merge cannot win.
  uint32_t stalled_passes_max = 2;
};

// One pass over one delta. Bytes are those of the virtual disk.
struct LivePass {
  uint64_t bytes_merged = 0;   // copied or made zero in the target
  double duration_s = 0;       // from the pass's begin to the end of the pause that closed it
  double pause_s = 0;          // of that, the time in which the machine's I/O waited
  uint64_t bytes_written = 0;  // what the machine had changed meanwhile: the next delta

  friend bool operator==(const LivePass&, const LivePass&) = default;
};

enum class LiveStep {
  another_pass,
  end_in_pause,  // what is left is small enough
  give_up,       // it does not get smaller, or there were too many passes
};

class LiveCourse {
 public:
  explicit LiveCourse(const LiveLimits& limits) : limits_(limits) {}

  // A pass is over and left `bytes_left` of what the machine wrote meanwhile: what to do about those.
  // Promised to say another_pass at most passes_max times.
  [[nodiscard]] LiveStep after_pass(uint64_t bytes_merged, uint64_t bytes_left);

  // What the merge could not keep up with, as a sentence, once after_pass() has said give_up: "cannot finish:
  // the guest writes 120 MiB/s, the merge copies 50 MiB/s". Rates are those of the last pass.
  [[nodiscard]] static std::string why_not(const LivePass& last_pass);

 private:
  LiveLimits limits_;
  uint32_t passes_ = 0;
  uint32_t stalled_passes_ = 0;
};

// The rates of a pass, or of its part so far; zero where no time has passed.
[[nodiscard]] MergeRates rates_of(uint64_t bytes_merged, uint64_t bytes_written, double seconds);

// What a merge under way expects.
struct LiveForecast {
  MergeRates rates;
  // Until everything is merged; nothing where that never happens at these rates, or nothing is known yet.
  std::optional<double> seconds_left;

  [[nodiscard]] bool cannot_finish() const {
    return rates.copy_bytes_per_s > 0 && rates.write_bytes_per_s >= rates.copy_bytes_per_s;
  }
};

// From a pass under way: `bytes_merged` of `bytes_to_merge` in `seconds`, while the machine wrote
// `bytes_written`, which must be merged in their turn (0 where they need not, the range lying below the
// leaf).
[[nodiscard]] LiveForecast forecast(uint64_t bytes_merged, uint64_t bytes_to_merge, uint64_t bytes_written,
                                    double seconds, uint64_t rate_limit_bytes_per_s = 0);

}  // namespace vhdlab
