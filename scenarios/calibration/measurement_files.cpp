// Reading three formats into one kind of point; see measurement_files.h.
#include "scenarios/calibration/measurement_files.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "engine/base/units.h"
#include "reports/results/metrics.h"

namespace vhdlab::scenarios {
namespace {

using Json = nlohmann::json;

std::unexpected<Error> bad_file(const std::string& name, std::string_view what) {
  return failure(ErrorKind::invalid_argument, "calibrate-file", fmt::format("{}: {}", name, what),
                 "give results of 'vhdlab run', the output of 'fio --output-format=json' or of "
                 "'diskspd -Rxml'");
}

double median_of(const reports::Measurement& measurement, std::string_view metric, double otherwise) {
  const reports::Summary* summary = reports::find_summary(measurement, metric);
  return summary == nullptr || summary->count == 0 ? otherwise : summary->median;
}

double in_flight_of(const reports::Workload& workload) {
  return static_cast<double>(workload.queue_depth.value_or(1)) * workload.jobs.value_or(1);
}

Result<std::string> choose_step(const reports::RunRecord& record, const std::string& step,
                                Measurements& found) {
  std::vector<std::string> reads;
  if (!record.points.empty()) {
    for (const reports::Measurement& each : record.points.front().measurements) {
      const bool is_read = each.kind == reports::MeasurementKind::read;
      if (is_read && !each.workload.arrivals_per_s) {
        reads.push_back(each.name);
      } else {
        found.left_out.push_back(
            fmt::format("{}: {}", each.name, is_read ? "arrivals say how fast it was asked" : "no reads"));
      }
    }
  }
  const bool is_there = std::ranges::find(reads, step) != reads.end();
  if (is_there || (step.empty() && reads.size() == 1)) return is_there ? step : reads.front();
  return failure(
      ErrorKind::invalid_argument, "calibrate-step",
      step.empty()
          ? fmt::format("{} has {} steps that read in a closed loop", record.scenario_name, reads.size())
          : fmt::format("{} has no step '{}' that reads in a closed loop", record.scenario_name, step),
      reads.empty() ? "calibrate from a scenario with a 'read' step"
                    : fmt::format("name one with --step, such as '{}'", reads.front()));
}

// --- fio ---

std::string option(const Json& job, const Json& global, const char* name, std::string otherwise) {
  for (const Json* options : {&job, &global}) {
    if (!options->is_object()) continue;
    const auto found = options->find(name);
    if (found != options->end()) return found->is_string() ? found->get<std::string>() : found->dump();
  }
  return otherwise;
}

double number_or(const std::string& text, double otherwise) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end == text.c_str() ? otherwise : value;
}

double number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

// Engines that have one request in flight, whatever their depth.
bool is_synchronous(const std::string& engine) {
  constexpr std::array<std::string_view, 6> engines = {"sync", "psync", "vsync", "pvsync", "pvsync2", "mmap"};
  return std::ranges::find(engines, engine) != engines.end();
}

// Counts of one workload that ran by itself: jobs of a group of fio, or threads of a time span of DiskSpd.
struct Counted {
  std::string label;
  double in_flight = 0;
  double reads = 0;
  double writes = 0;
  double bytes = 0;  // of reads and writes
  double reads_per_s = 0;
  bool is_limited = false;  // asked for less than it could have
  bool is_direct = true;
  double bytes_least = std::numeric_limits<double>::infinity();  // of an operation, of its jobs
  double bytes_most = 0;
};

// Why it cannot be fitted; nothing where it can.
std::optional<std::string> objection_to(const Counted& counted) {
  if (counted.reads + counted.writes <= 0 || counted.bytes <= 0) return "neither reads nor writes";
  if (counted.writes > 0) {
    return fmt::format("{:.3g} % of its operations are writes, and only reads are fitted",
                       100 * counted.writes / (counted.reads + counted.writes));
  }
  if (counted.reads_per_s <= 0) return "nothing was measured";
  if (counted.is_limited) return "a limit says how fast it was asked";
  if (counted.bytes_most > 1.01 * counted.bytes_least) return "jobs of several block sizes ran at once";
  return std::nullopt;
}

MeasuredPoint point_of(const std::string& name, double in_flight, double bytes, double rate, bool direct) {
  const std::string depth = fmt::format("{:.6g}", in_flight);
  const std::string size = format_size(static_cast<uint64_t>(bytes));
  std::string plain_size = size;
  std::erase(plain_size, ' ');
  return {
      .label = fmt::format("{}: queue_depth={}, block_size={}", name, depth, plain_size),
      .values = {{"name", name}, {"queue_depth", depth}, {"block_size", plain_size}},
      .sample = {.operations_per_s = rate, .in_flight = in_flight, .bytes = bytes, .reaches_device = direct}};
}

// Takes it where it can be fitted.
void take(const Counted& counted, Measurements& found) {
  if (const auto objection = objection_to(counted)) {
    found.left_out.push_back(fmt::format("{}: {}", counted.label, *objection));
    return;
  }
  found.points.push_back(point_of(counted.label, counted.in_flight, counted.bytes / counted.reads,
                                  counted.reads_per_s, counted.is_direct));
}

Result<Measurements> at_least_one(Measurements found, const std::string& name) {
  if (!found.points.empty()) return found;
  if (found.left_out.empty()) return bad_file(name, "nothing was measured");
  return bad_file(name, fmt::format("nothing in it can be fitted: {}", fmt::join(found.left_out, "; ")));
}

// What a time span of DiskSpd was asked to do. Threads belong to one file each, or, where the span has a
// number of threads, every thread has requests to every file.
void take_plan(const pugi::xml_node& plan, double threads_seen, Counted& counted) {
  const auto number = [](const pugi::xml_node& node, const char* key) {
    return node.child(key).text().as_double();
  };
  const double shared_threads = number(plan, "ThreadCount");
  for (const pugi::xml_node target : plan.child("Targets").children("Target")) {
    const double depth = std::max(number(target, "RequestCount"), 1.0);
    const double own = target.child("ThreadsPerFile") ? number(target, "ThreadsPerFile") : threads_seen;
    counted.in_flight += depth * std::max(shared_threads > 0 ? shared_threads : own, 1.0);
    counted.is_limited = counted.is_limited || number(target, "Throughput") > 0;
    counted.is_direct = counted.is_direct && (target.child("DisableOSCache").text().as_bool() ||
                                              target.child("DisableAllCache").text().as_bool());
  }
  if (shared_threads > 0 && number(plan, "RequestCount") > 0)
    counted.in_flight = shared_threads * number(plan, "RequestCount");
  counted.in_flight = std::max(counted.in_flight, 1.0);
}

// fio says what it noticed before the JSON, and with several formats a text stands there, too.
Json fio_document(std::string_view text) {
  Json document = Json::parse(text, nullptr, false);
  if (!document.is_discarded()) return document;
  const size_t first = text.find("\n{");
  const size_t last = text.rfind('}');
  if (first == std::string_view::npos || last == std::string_view::npos || last < first) return document;
  return Json::parse(text.substr(first + 1, last - first), nullptr, false);
}

std::string name_of(const Json& job) {
  const auto named = job.find("jobname");
  return named != job.end() && named->is_string() ? named->get<std::string>() : "job";
}

// Jobs that began together have one number; nothing where the file does not say.
std::optional<double> group_of(const Json& job) {
  const auto group = job.find("groupid");
  return group != job.end() && group->is_number() ? std::optional(group->get<double>()) : std::nullopt;
}

// How many jobs an entry stands for. fio does not say whether it reports by group, but then there are fewer
// entries of a name in a group than jobs were asked for.
double jobs_in(const Json& job, const Json& jobs, double asked_for) {
  const auto group = group_of(job);
  if (!group) return asked_for;
  const auto entries = std::ranges::count_if(jobs, [&](const Json& other) {
    return other.is_object() && group_of(other) == group && name_of(other) == name_of(job);
  });
  return std::max(asked_for / static_cast<double>(std::max<ptrdiff_t>(entries, 1)), 1.0);
}

// Adds a job to those that ran beside it.
void add_job(const Json& job, const Json& jobs, const Json& global, Counted& group) {
  const Json options = job.value("job options", Json::object());
  double operations = 0;
  double bytes = 0;
  for (const char* way : {"read", "write"}) {
    const auto part = job.find(way);
    if (part == job.end() || !part->is_object()) continue;
    const bool is_read = part.key() == "read";
    (is_read ? group.reads : group.writes) += number_at(*part, "total_ios");
    operations += number_at(*part, "total_ios");
    bytes += number_at(*part, "io_bytes");
    if (is_read) group.reads_per_s += number_at(*part, "iops");
  }
  group.bytes += bytes;
  if (operations > 0) {
    group.bytes_least = std::min(group.bytes_least, bytes / operations);
    group.bytes_most = std::max(group.bytes_most, bytes / operations);
  }
  const bool is_sync = is_synchronous(option(options, global, "ioengine", "psync"));
  const double depth = is_sync ? 1 : number_or(option(options, global, "iodepth", "1"), 1);
  const double asked_for = number_or(option(options, global, "numjobs", "1"), 1);
  group.in_flight += std::max(depth, 1.0) * jobs_in(job, jobs, std::max(asked_for, 1.0));
  group.is_direct = group.is_direct && number_or(option(options, global, "direct", "0"), 0) != 0;
  for (const char* limit : {"rate", "rate_iops", "thinktime"})
    group.is_limited = group.is_limited || !option(options, global, limit, "").empty();
}

}  // namespace

std::optional<double> rate_of(const reports::Measurement& measurement, RateFrom from) {
  const reports::Summary* summary =
      reports::find_summary(measurement, from == RateFrom::iops ? "iops" : "latency_ns_p50");
  if (summary == nullptr || summary->count == 0 || summary->median <= 0) return std::nullopt;
  return from == RateFrom::iops ? summary->median
                                : in_flight_of(measurement.workload) * 1e9 / summary->median;
}

Result<Measurements> measurements_of(const reports::RunRecord& record, const std::string& step,
                                     RateFrom from) {
  Measurements found{
      .origin =
          fmt::format("{}, target {}, seed {}, commit {}", record.scenario_name, record.target, record.seed,
                      record.tool_commit.empty() ? "unknown" : record.tool_commit.substr(0, 12)),
      .processors = record.environment.cores};
  const std::string name = found.step = TRY(choose_step(record, step, found));
  for (const reports::Point& point : record.points) {
    MeasuredPoint measured;
    for (const reports::ParameterValue& value : point.parameters) {
      measured.values.push_back({value.name, value.text});
      measured.label += fmt::format("{}{}={}", measured.label.empty() ? "" : ", ", value.name, value.text);
    }
    if (measured.label.empty()) measured.label = name;
    const reports::Measurement* reads = reports::find_measurement(point, name);
    const auto rate = reads == nullptr ? std::nullopt : rate_of(*reads, from);
    if (!rate) {
      found.left_out.push_back(fmt::format("{}: nothing was measured", measured.label));
      continue;
    }
    const double operations = std::max(median_of(*reads, "operations", 1), 1.0);
    measured.sample = {.operations_per_s = *rate,
                       .in_flight = in_flight_of(reads->workload),
                       .bytes = static_cast<double>(reads->workload.block_size_bytes.value_or(4096)),
                       .layers_probed = median_of(*reads, "layers_probed_per_read", 1),
                       .table_pages = median_of(*reads, "metadata_reads", 0) / operations,
                       .reaches_device = reads->workload.direct.value_or(false)};
    found.points.push_back(std::move(measured));
  }
  return found;
}

Result<Measurements> measurements_of_fio(std::string_view json, const std::string& name) {
  const Json document = fio_document(json);
  if (!document.is_object() || !document.contains("jobs") || !document["jobs"].is_array())
    return bad_file(name, "this JSON holds no 'jobs' of fio");
  const std::string version = document.value("fio version", Json()).is_string()
                                  ? document["fio version"].get<std::string>()
                                  : std::string("fio");
  Measurements found{.origin = fmt::format("{} ({})", name, version)};
  const Json global = document.value("global options", Json::object());
  // Jobs of one group ran at once, and stand one behind the other.
  const Json& jobs = document["jobs"];
  std::optional<double> number;
  std::vector<Counted> groups;
  for (const Json& job : jobs) {
    if (!job.is_object()) continue;
    const std::string label = name_of(job);
    const bool is_beside = !groups.empty() && number && group_of(job) == number;
    number = group_of(job);
    if (!is_beside) groups.push_back({.label = label});
    Counted& group = groups.back();
    const bool is_named = group.label == label || group.label.ends_with(", " + label);
    if (!is_named) group.label += ", " + label;
    add_job(job, jobs, global, group);
  }
  for (const Counted& group : groups)
    take(group, found);
  return at_least_one(std::move(found), name);
}

Result<Measurements> measurements_of_diskspd(std::string_view xml, const std::string& name) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(xml.data(), xml.size());
  if (!parsed)
    return bad_file(name, fmt::format("no XML: {} at byte {}", parsed.description(), parsed.offset));
  const pugi::xml_node results = document.child("Results");
  if (!results) return bad_file(name, "this XML holds no 'Results' of DiskSpd");
  Measurements found{.origin = fmt::format("{} (DiskSpd {})", name,
                                           results.child("System").child("Tool").child_value("Version"))};
  pugi::xml_node plan = results.child("Profile").child("TimeSpans").child("TimeSpan");
  int number = 0;
  for (const pugi::xml_node span : results.children("TimeSpan")) {
    const std::string label = fmt::format("time span {}", ++number);
    found.processors = std::max(found.processors, span.child("ProcCount").text().as_uint());
    Counted counted{.label = label};
    for (const pugi::xml_node thread : span.children("Thread")) {
      for (const pugi::xml_node part : thread.children("Target")) {
        const double operations = part.child("IOCount").text().as_double();
        const double bytes = part.child("BytesCount").text().as_double();
        const double writes = part.child("WriteCount").text().as_double();
        counted.writes += writes;
        counted.reads += operations - writes;
        counted.bytes += bytes;
        if (operations <= 0) continue;
        counted.bytes_least = std::min(counted.bytes_least, bytes / operations);
        counted.bytes_most = std::max(counted.bytes_most, bytes / operations);
      }
    }
    const double seconds = span.child("TestTimeSeconds").text().as_double();
    if (seconds > 0) counted.reads_per_s = counted.reads / seconds;
    take_plan(plan, span.child("ThreadCount").text().as_double(), counted);
    plan = plan.next_sibling("TimeSpan");
    take(counted, found);
  }
  return at_least_one(std::move(found), name);
}

}  // namespace vhdlab::scenarios
