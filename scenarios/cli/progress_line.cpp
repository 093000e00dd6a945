// Showing progress; see progress_line.h.
#include "scenarios/cli/progress_line.h"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "scenarios/cli/command.h"

namespace vhdlab::scenarios {
namespace {

constexpr Nanoseconds interval_elsewhere = std::chrono::seconds(10);
constexpr Nanoseconds rate_settles_after = std::chrono::milliseconds(500);  // earlier rates mislead
constexpr std::string_view erase_line = "\r\x1b[K";

std::string amount(ProgressUnit unit, uint64_t count) {
  switch (unit) {
    case ProgressUnit::bytes:
      return format_size(count);
    case ProgressUnit::nanoseconds:
      return format_duration(Nanoseconds(count));
    default:
      return format_count(count);
  }
}

Nanoseconds to_whole_seconds(Nanoseconds duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration);
}

}  // namespace

ProgressLine::ProgressLine(std::ostream& err, std::function<Nanoseconds()> now, ProgressLineSettings settings)
    : err_(err), now_(std::move(now)), settings_(settings) {
  next_showing_ = settings_.is_terminal ? now_() : now_() + settings_.interval;
}

void ProgressLine::stage(std::string_view name, ProgressUnit unit) {
  stage_ = name;
  unit_ = unit;
  stage_began_ = now_();
  has_told_ = false;
  if (settings_.is_terminal) {
    show(stage_);
    next_showing_ = stage_began_ + settings_.interval;
  }
}

void ProgressLine::update(uint64_t done, uint64_t total) {
  if (!has_told_) done_at_first_ = done;
  has_told_ = true;
  const Nanoseconds now = now_();
  if (now < next_showing_) return;
  next_showing_ = now + settings_.interval;
  show(line(done, total, now));
}

std::string ProgressLine::line(uint64_t done, uint64_t total, Nanoseconds now) const {
  std::string text = fmt::format("{}  {}", stage_, amount(unit_, done));
  if (total > 0) {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    text += fmt::format(" of {}  {} %", amount(unit_, total), static_cast<int>(share * 100));
  }
  const Nanoseconds passed = now - stage_began_;
  const bool has_rate = passed >= rate_settles_after && done > done_at_first_;
  const double per_ns =
      has_rate ? static_cast<double>(done - done_at_first_) / static_cast<double>(passed.count()) : 0;
  if (has_rate && unit_ == ProgressUnit::bytes) {
    text += fmt::format("  {}/s", format_size(static_cast<uint64_t>(per_ns * 1e9)));
  }
  return text + time_left_text(done, total, per_ns, now);
}

// By the caller's plan of all the work, else by the rate of this stage.
std::string ProgressLine::time_left_text(uint64_t done, uint64_t total, double per_ns,
                                         Nanoseconds now) const {
  if (planned_end_) {
    const Nanoseconds left = std::max(Nanoseconds(0), *planned_end_ - now);
    return fmt::format("  {} left in all", format_duration(to_whole_seconds(left)));
  }
  if (per_ns <= 0 || total <= done) return {};
  constexpr double longest_ns = 365.0 * 86400 * 1e9;
  const double left_ns = std::min(longest_ns, static_cast<double>(total - done) / per_ns);
  return fmt::format("  {} left",
                     format_duration(to_whole_seconds(Nanoseconds(static_cast<int64_t>(left_ns)))));
}

void ProgressLine::time_left(Nanoseconds left) {
  planned_end_ = now_() + left;
}

void ProgressLine::show(const std::string& line) {
  if (settings_.is_terminal) {
    err_ << erase_line << line.substr(0, settings_.width_columns - 1);
    is_line_shown_ = true;
  } else {
    err_ << line << "\n";
  }
  err_.flush();
}

void ProgressLine::finished() {
  if (!is_line_shown_) return;
  err_ << erase_line;
  err_.flush();
  is_line_shown_ = false;
}

std::unique_ptr<ProgressSink> make_progress(const CommandContext& context, bool quiet) {
  if (quiet) return std::make_unique<SilentProgress>();
  ProgressLineSettings settings;
  settings.is_terminal = context.terminal.err_is_terminal;
  settings.width_columns = context.terminal.width_columns;
  if (!settings.is_terminal) settings.interval = interval_elsewhere;
  return std::make_unique<ProgressLine>(context.err, context.now, settings);
}

}  // namespace vhdlab::scenarios
