// Reads, writes, mixed workloads and replays; see bind_workload.h.
#include "scenarios/language/bind_workload.h"

#include <array>

#include <fmt/format.h>

#include "scenarios/language/bind_arrivals.h"
#include "scenarios/language/bind_pattern.h"

namespace vhdlab::scenarios {
namespace {

using Keys = std::vector<std::string_view>;
using Hints = std::vector<std::pair<std::string_view, std::string_view>>;

constexpr Nanoseconds duration_max = std::chrono::hours(24 * 30);

constexpr std::array<Word<TraceFormat>, 3> trace_format_words = {
    {{"auto", TraceFormat::detect},
     {"cloudphysics-csv", TraceFormat::cloudphysics_csv},
     {"fio-iolog", TraceFormat::fio_iolog}}};
constexpr std::array<Word<ReplayTiming>, 2> timing_words = {
    {{"as-fast-as-possible", ReplayTiming::as_fast_as_possible}, {"recorded", ReplayTiming::recorded}}};

// 70 or 70%.
std::optional<uint64_t> read_percentage(Settings& settings) {
  const Node* node = settings.find("read_percentage");
  if (node == nullptr) return std::nullopt;
  const auto value = settings.judge().resolve(*node);
  if (!value) return std::nullopt;
  if (value->resolved->kind == Node::Kind::scalar) {
    std::string_view text = value->resolved->text;
    if (text.ends_with('%')) text.remove_suffix(1);
    const auto percentage = whole_number_in(text);
    if (percentage && *percentage <= 100) return percentage;
  }
  settings.judge().unexpected(*value, settings.name_of("read_percentage"), "a whole number from 0 to 100");
  return std::nullopt;
}

// What ends a workload: duration, or amount or operations, or whichever of the two comes first; 3 s unless
// said.
void bind_end(Settings& settings, const BoundDisk& disk, MeasuredWorkload& step) {
  const Node* duration = settings.find("duration");
  const Node* amount = settings.find("amount");
  const Node* operations = settings.find("operations");
  if (duration != nullptr) {
    step.duration = settings.duration("duration", duration_max);
    if (step.duration == Nanoseconds{0})
      settings.judge().add(*duration,
                           fmt::format("{} is 0: nothing would be measured", settings.name_of("duration")));
  }
  if (amount != nullptr && operations != nullptr)
    settings.judge().add(*operations, "both 'amount' and 'operations' are given",
                         "keep one: they limit the same thing");
  if (operations != nullptr) {
    step.pattern.operations = settings.whole("operations", 1, operations_max);
  } else if (amount != nullptr) {
    if (const auto given = settings.amount("amount", 10000))
      step.pattern.operations = blocks_of(settings, disk, *given, step.pattern, false);
  }
  if (duration == nullptr && amount == nullptr && operations == nullptr)
    step.duration = std::chrono::seconds(3);
}

bool bind_direct(Settings& step, const BoundIo& io) {
  const bool direct = step.boolean("direct").value_or(io.direct);
  if (direct && io.kind == IoKind::mapped) {
    step.judge().add(step.node(), "direct I/O passes the page cache by, and mapped files are read from there",
                     "set 'direct: false', or use 'io: psync' or 'io: io_uring'");
  }
  return direct;
}

WorkloadKind kind_of(std::string_view word) {
  if (word == "read") return WorkloadKind::read;
  return word == "write" ? WorkloadKind::write : WorkloadKind::mixed;
}

void bind_read_percentage(Settings& settings, MeasuredWorkload& step) {
  step.pattern.read_percentage = step.kind == WorkloadKind::read ? 100 : 0;
  if (step.kind != WorkloadKind::mixed) return;
  (void)settings.required("read_percentage", "say how many of 100 operations are reads: read_percentage: 70");
  step.pattern.read_percentage = static_cast<uint32_t>(read_percentage(settings).value_or(50));
}

// What a step of its own and what a live merge goes on under share.
void bind_requests(Settings& settings, const StepGround& ground, MeasuredWorkload& step) {
  PatternSettings& pattern = step.pattern;
  pattern.pattern = bind_access_pattern(settings, AccessPattern::random);
  bind_read_percentage(settings, step);
  pattern.block_size_bytes = bind_block_size(settings, ground.disk, 4 * kib);
  step.queue_depth = bind_queue_depth(settings, pattern.block_size_bytes, 1);
  step.jobs = bind_jobs(settings, step.queue_depth, pattern.block_size_bytes);
  bind_theta(settings, pattern);
  bind_range(settings, ground.disk, pattern);
  pattern.flush_every = settings.whole("flush_every", 0, operations_max).value_or(0);
  step.direct = bind_direct(settings, ground.io);
  step.arrivals = bind_arrivals(settings);
}

}  // namespace

MeasuredWorkload bind_workload(const Node::Entry& entry, const StepGround& ground, Judge& judge,
                               StepNames& names) {
  static const Keys plain_keys = {"name",   "pattern",    "block_size",  "queue_depth", "jobs",
                                  "direct", "warm_up",    "duration",    "amount",      "operations",
                                  "range",  "zipf_theta", "flush_every", "arrivals"};
  static const Keys mixed_keys = {"name",       "pattern",         "block_size", "queue_depth",
                                  "jobs",       "read_percentage", "direct",     "warm_up",
                                  "duration",   "amount",          "operations", "range",
                                  "zipf_theta", "flush_every",     "arrivals"};
  static const Hints hints = {{"read_percentage", "use a 'mixed' step for reads and writes together"},
                              {"iodepth", "did you mean 'queue_depth'?"},
                              {"numjobs", "did you mean 'jobs'?"},
                              {"bs", "did you mean 'block_size'?"},
                              {"runtime", "did you mean 'duration'?"},
                              {"ramp_time", "did you mean 'warm_up'?"},
                              {"rwmixread", "did you mean 'read_percentage'?"},
                              {"rate", "write arrivals: { rate: 500/s }"},
                              {"repeat", "'repeat' stands at the top level, for all measured steps"}};
  MeasuredWorkload step;
  step.kind = kind_of(entry.key);
  const Keys& keys = step.kind == WorkloadKind::mixed ? mixed_keys : plain_keys;
  Settings settings(judge, entry.value, entry.key, keys, hints);
  step.name = names.bind(settings, entry.key);
  bind_requests(settings, ground, step);
  step.warm_up = settings.duration("warm_up", duration_max).value_or(Nanoseconds{0});
  bind_end(settings, ground.disk, step);
  return step;
}

MeasuredWorkload bind_workload_under(const Node::Entry& entry, const StepGround& ground, Judge& judge) {
  static const Keys keys = {"pattern",         "block_size", "queue_depth", "jobs",        "direct",
                            "read_percentage", "range",      "zipf_theta",  "flush_every", "arrivals"};
  static const Hints hints = {{"name", "the live merge has the name"},
                              {"warm_up", "measure the workload alone in a step of its own"},
                              {"duration", "it goes on as long as the merge does"},
                              {"amount", "it goes on as long as the merge does"},
                              {"operations", "it goes on as long as the merge does"},
                              {"rate", "write arrivals: { rate: 500/s }"}};
  MeasuredWorkload step;
  step.kind = kind_of(entry.key);
  Settings settings(judge, entry.value, entry.key, keys, hints);
  const Node* share = settings.find("read_percentage");
  if (share != nullptr && step.kind != WorkloadKind::mixed)
    judge.add(*share, "'read_percentage' is given, but the workload is not 'mixed'",
              "use 'mixed' for reads and writes together");
  bind_requests(settings, ground, step);
  return step;
}

MeasuredReplay bind_replay(const Node& node, const StepGround& ground, Judge& judge, StepNames& names) {
  static const Keys keys = {"name", "trace", "format", "wrap", "timing", "limit", "queue_depth", "direct"};
  Settings settings(judge, node, "replay", keys);
  MeasuredReplay step;
  step.name = names.bind(settings, "replay");
  if (const Node* trace = settings.required("trace", "name the file with the recorded requests"))
    step.trace_path = judge.path(*trace, "'trace' of 'replay'", ground.folder).value_or("");
  step.trace.format = settings.word<TraceFormat>("format", trace_format_words).value_or(TraceFormat::detect);
  step.trace.disk_size_bytes = ground.disk.settings.size_bytes;
  step.trace.sector_size_bytes = ground.disk.settings.logical_sector_size_bytes;
  step.trace.wrap = settings.boolean("wrap").value_or(false);
  step.trace.operations_max = settings.whole("limit", 1, operations_max).value_or(endless);
  step.queue_depth = static_cast<uint32_t>(settings.whole("queue_depth", 1, queue_depth_max).value_or(1));
  step.direct = bind_direct(settings, ground.io);
  step.timing =
      settings.word<ReplayTiming>("timing", timing_words).value_or(ReplayTiming::as_fast_as_possible);
  return step;
}

}  // namespace vhdlab::scenarios
