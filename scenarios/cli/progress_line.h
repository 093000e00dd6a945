// Progress on standard error: one line that renews itself on a terminal, a line now and then elsewhere.
//
//   depth 4: fill  312 MiB of 2 GiB  15 %  208 MiB/s  8.4 s left
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/units.h"
#include "scenarios/runner/progress.h"

namespace vhdlab::scenarios {

struct CommandContext;

struct ProgressLineSettings {
  bool is_terminal = false;
  size_t width_columns = 80;
  Nanoseconds interval = std::chrono::milliseconds(100);  // least time between two showings
};

class ProgressLine final : public ProgressSink {
 public:
  // `now` is a monotonic clock. `err` must outlive this.
  ProgressLine(std::ostream& err, std::function<Nanoseconds()> now, ProgressLineSettings settings);
  ~ProgressLine() override { finished(); }

  void stage(std::string_view name, ProgressUnit unit) override;
  void update(uint64_t done, uint64_t total) override;
  void time_left(Nanoseconds left) override;
  void finished() override;

 private:
  [[nodiscard]] std::string time_left_text(uint64_t done, uint64_t total, double per_ns,
                                           Nanoseconds now) const;
  [[nodiscard]] std::string line(uint64_t done, uint64_t total, Nanoseconds now) const;
  void show(const std::string& line);

  std::ostream& err_;
  std::function<Nanoseconds()> now_;
  ProgressLineSettings settings_;
  std::string stage_;
  ProgressUnit unit_ = ProgressUnit::bytes;
  Nanoseconds stage_began_{0};
  std::optional<Nanoseconds> planned_end_;  // by the clock of now_, where the caller has told
  uint64_t done_at_first_ = 0;              // what was done when the stage first told: not part of its rate
  bool has_told_ = false;
  Nanoseconds next_showing_{0};
  bool is_line_shown_ = false;
};

// What fits where this command's standard error goes. Elsewhere than on a terminal the first line comes after
// ten seconds, so that short work stays silent.
[[nodiscard]] std::unique_ptr<ProgressSink> make_progress(const CommandContext& context, bool quiet);

}  // namespace vhdlab::scenarios
