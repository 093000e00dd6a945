// Reading three formats into one kind of point; see measurement_files.h.
#include "scenarios/calibration/measurement_files.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
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
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object() || !document.contains("jobs") || !document["jobs"].is_array())
    return bad_file(name, "this JSON holds no 'jobs' of fio");
  const std::string version = document.value("fio version", Json()).is_string()
                                  ? document["fio version"].get<std::string>()
                                  : std::string("fio");
  Measurements found{.origin = fmt::format("{} ({})", name, version)};
  const Json global = document.value("global options", Json::object());
  for (const Json& job : document["jobs"]) {
    if (!job.is_object()) continue;
    const Json options = job.value("job options", Json::object());
    const auto named = job.find("jobname");
    const std::string label = named != job.end() && named->is_string() ? named->get<std::string>() : "job";
    double operations = 0;
    double bytes = 0;
    double rate = 0;
    for (const char* way : {"read", "write"}) {
      const auto part = job.find(way);
      if (part == job.end() || !part->is_object()) continue;
      operations += number_at(*part, "total_ios");
      bytes += number_at(*part, "io_bytes");
      rate += number_at(*part, "iops");
    }
    if (operations <= 0 || bytes <= 0 || rate <= 0) {
      found.left_out.push_back(fmt::format("{}: neither reads nor writes", label));
      continue;
    }
    const bool is_sync = is_synchronous(option(options, global, "ioengine", "psync"));
    const double depth = is_sync ? 1 : number_or(option(options, global, "iodepth", "1"), 1);
    const bool is_group = option(options, global, "group_reporting", "no") != "no";
    const double jobs = is_group ? number_or(option(options, global, "numjobs", "1"), 1) : 1;
    const bool direct = number_or(option(options, global, "direct", "0"), 0) != 0;
    found.points.push_back(
        point_of(label, std::max(depth, 1.0) * std::max(jobs, 1.0), bytes / operations, rate, direct));
  }
  if (found.points.empty()) return bad_file(name, "no job of fio read or wrote anything");
  return found;
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
    const pugi::xml_node target = plan.child("Targets").child("Target");
    plan = plan.next_sibling("TimeSpan");
    found.processors = std::max(found.processors, span.child("ProcCount").text().as_uint());
    double operations = 0;
    double bytes = 0;
    for (const pugi::xml_node thread : span.children("Thread")) {
      for (const pugi::xml_node part : thread.children("Target")) {
        operations += part.child("IOCount").text().as_double();
        bytes += part.child("BytesCount").text().as_double();
      }
    }
    const double seconds = span.child("TestTimeSeconds").text().as_double();
    if (operations <= 0 || bytes <= 0 || seconds <= 0) {
      found.left_out.push_back(fmt::format("{}: nothing was read or written", label));
      continue;
    }
    const double threads = std::max(span.child("ThreadCount").text().as_double(), 1.0);
    const double depth = std::max(target.child("RequestCount").text().as_double(1), 1.0);
    const bool direct =
        target.child("DisableOSCache").text().as_bool() || target.child("DisableAllCache").text().as_bool();
    found.points.push_back(
        point_of(label, threads * depth, bytes / operations, operations / seconds, direct));
  }
  if (found.points.empty()) return bad_file(name, "no time span of DiskSpd read or wrote anything");
  return found;
}

}  // namespace vhdlab::scenarios
