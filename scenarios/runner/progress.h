// How long work tells how far it has come. The work calls a sink it was given; what becomes of that (a line
// on a terminal, lines in a log, nothing) is the caller's choice: scenarios/cli/progress_line.h,
// SilentProgress.
//
//   stage("depth 4: fill", bytes)    update(0, total) ... update(total, total)
//   stage("depth 4: reads", ...)     ...                                          finished()
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/units.h"

namespace vhdlab::scenarios {

// What the numbers of a stage count; decides how they are shown.
enum class ProgressUnit {
  bytes,        // shown with a rate
  steps,        // "12 of 40"
  nanoseconds,  // time that passes by plan, such as a warm-up or a measurement
};

// Called from one thread at a time; cheap enough to call once per piece of work: a sink limits how often it
// shows something.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;

  // Work turns to something else; `name` says what, for people. Ends the stage before.
  virtual void stage(std::string_view name, ProgressUnit unit) = 0;

  // How far the stage is. A total of 0 means it is not known. Totals may change on the way.
  virtual void update(uint64_t done, uint64_t total) = 0;

  // How long all the work still takes, where the caller has a plan of it; a sink that is never told goes by
  // the stage alone.
  virtual void time_left(Nanoseconds /*left*/) {}

  // All work is over, well or not: whatever is on the screen goes. Calling it twice is fine.
  virtual void finished() = 0;
};

class SilentProgress final : public ProgressSink {
 public:
  void stage(std::string_view, ProgressUnit) override {}
  void update(uint64_t, uint64_t) override {}
  void finished() override {}
};

}  // namespace vhdlab::scenarios
