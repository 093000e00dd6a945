// results.json, both ways. One description of each structure, describe(), serves the writer and the reader,
// so the two cannot drift apart; the schema beside this file says the same for other programs, and a test
// holds them together.
#include "reports/results/result_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/bytes.h"
#include "engine/base/units.h"
#include "reports/results/atomic_write.h"
#include "reports/results/metrics.h"
#include "reports/results/result_rules.h"

namespace vhdlab::reports {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t result_bytes_max = 256 * mib;
constexpr int nesting_max = 32;  // our own files need 9

template <typename E>
using EnumNames = std::span<const std::pair<E, std::string_view>>;

template <typename E>
using EnumName = std::pair<E, std::string_view>;

constexpr std::array<EnumName<MeasurementKind>, 11> measurement_kinds = {
    {{MeasurementKind::read, "read"},
     {MeasurementKind::write, "write"},
     {MeasurementKind::mixed, "mixed"},
     {MeasurementKind::replay, "replay"},
     {MeasurementKind::merge, "merge"},
     {MeasurementKind::live_merge, "live_merge"},
     {MeasurementKind::take_checkpoint, "checkpoint"},
     {MeasurementKind::apply_checkpoint, "apply"},
     {MeasurementKind::delete_checkpoint, "delete"},
     {MeasurementKind::delete_subtree, "delete_subtree"},
     {MeasurementKind::damage, "damage"}}};
constexpr std::array<EnumName<Note::Severity>, 2> severities = {
    {{Note::Severity::note, "note"}, {Note::Severity::warning, "warning"}}};
constexpr std::array<EnumName<IntervalKind>, 3> interval_kinds = {
    {{IntervalKind::none, "none"},
     {IntervalKind::range, "range"},
     {IntervalKind::confidence_95, "confidence_95"}}};

// The words that stand for an enumerator.
constexpr EnumNames<MeasurementKind> names_of(MeasurementKind) {
  return measurement_kinds;
}
constexpr EnumNames<Note::Severity> names_of(Note::Severity) {
  return severities;
}
constexpr EnumNames<IntervalKind> names_of(IntervalKind) {
  return interval_kinds;
}

// ---- What each structure looks like ----

template <typename T, typename Plain>
concept Is = std::same_as<std::remove_const_t<T>, Plain>;

void describe(auto& a, Is<Environment> auto& v) {
  a.field("machine", v.machine);
  a.field("cpu", v.cpu);
  a.field("cores", v.cores);
  a.field("memory_bytes", v.memory_bytes);
  a.field("kernel", v.kernel);
  a.field("file_system", v.file_system);
  a.field("mount", v.mount);
  a.field("direct_alignment_bytes", v.direct_alignment_bytes);
  a.field("compiler", v.compiler);
  a.field("libraries", v.libraries);
}

void describe(auto& a, Is<NamedText> auto& v) {
  a.field("name", v.name);
  a.field("text", v.text);
}

void describe(auto& a, Is<SweepVariable> auto& v) {
  a.field("name", v.name);
  a.field("unit", v.unit);
}

void describe(auto& a, Is<ParameterValue> auto& v) {
  a.field("name", v.name);
  a.field("number", v.number);
  a.field("text", v.text);
}

void describe(auto& a, Is<DiskDescription> auto& v) {
  a.field("format", v.format);
  a.field("size_bytes", v.size_bytes);
  a.field("block_size_bytes", v.block_size_bytes);
  a.field("logical_sector_bytes", v.logical_sector_bytes);
  a.field("resolve", v.resolve);
}

void describe(auto& a, Is<BlockStateCount> auto& v) {
  a.field("state", v.state);
  a.field("blocks", v.blocks);
}

void describe(auto& a, Is<LayerState> auto& v) {
  a.field("name", v.name);
  a.field("file", v.file);
  a.field("size_bytes", v.size_bytes);
  a.field("allocated_bytes", v.allocated_bytes);
  a.field("block_states", v.block_states);
}

void describe(auto& a, Is<Latency> auto& v) {
  a.field("min_ns", v.min_ns);
  a.field("mean_ns", v.mean_ns);
  a.field("p50_ns", v.p50_ns);
  a.field("p90_ns", v.p90_ns);
  a.field("p99_ns", v.p99_ns);
  a.field("p999_ns", v.p999_ns);
  a.field("max_ns", v.max_ns);
  a.field("buckets", v.buckets);
}

void describe(auto& a, Is<OperationTotals> auto& v) {
  a.field("operations", v.operations);
  a.field("bytes", v.bytes);
  a.field("latency", v.latency);
}

void describe(auto& a, Is<FileTraffic> auto& v) {
  a.field("file", v.file);
  a.field("read_operations", v.read_operations);
  a.field("write_operations", v.write_operations);
  a.field("bytes_read", v.bytes_read);
  a.field("bytes_written", v.bytes_written);
  a.field("flushes", v.flushes);
}

void describe(auto& a, Is<MergeTotals> auto& v) {
  a.field("layers_merged", v.layers_merged);
  a.field("bytes_moved", v.bytes_moved);
  a.field("bytes_zeroed", v.bytes_zeroed);
  a.field("bytes_read", v.bytes_read);
  a.field("bytes_written", v.bytes_written);
  a.field("union_bytes", v.union_bytes);
  a.field("free_space_peak_bytes", v.free_space_peak_bytes);
  a.field("passes", v.passes);
}

void describe(auto& a, Is<CheckpointTotals> auto& v) {
  a.field("checkpoints", v.checkpoints);
  a.field("files_created", v.files_created);
  a.field("files_removed", v.files_removed);
  a.field("space_before_bytes", v.space_before_bytes);
  a.field("space_after_bytes", v.space_after_bytes);
  a.field("pending_files", v.pending_files);
  a.field("pending_bytes", v.pending_bytes);
}

void describe(auto& a, Is<DamagedFile> auto& v) {
  a.field("file", v.file);
  a.field("holds", v.holds);
  a.field("lost", v.lost);
  a.field("survived", v.survived);
  a.field("unforeseen", v.unforeseen);
}

void describe(auto& a, Is<DamageTotals> auto& v) {
  a.field("files", v.files);
}

void describe(auto& a, Is<LiveMergePass> auto& v) {
  a.field("bytes_merged", v.bytes_merged);
  a.field("duration_s", v.duration_s);
  a.field("pause_s", v.pause_s);
  a.field("bytes_written", v.bytes_written);
}

void describe(auto& a, Is<LiveMergeTotals> auto& v) {
  a.field("finished", v.finished);
  a.field("explanation", v.explanation);
  a.field("estimated_s", v.estimated_s);
  a.field("passes", v.passes);
}

void describe(auto& a, Is<Repeat> auto& v) {
  a.field("duration_s", v.duration_s);
  a.field("all", v.all);
  a.field("reads", v.reads);
  a.field("writes", v.writes);
  a.field("cpu_ns_per_operation", v.cpu_ns_per_operation);
  a.field("layers_probed_per_read", v.layers_probed_per_read);
  a.field("metadata_reads", v.metadata_reads);
  a.field("metadata_hit_share", v.metadata_hit_share);
  a.field("merge", v.merge);
  a.field("checkpoints", v.checkpoints);
  a.field("damage", v.damage);
  a.field("live", v.live);
  a.field("files", v.files);
}

void describe(auto& a, Is<Workload> auto& v) {
  a.field("description", v.description);
  a.field("pattern", v.pattern);
  a.field("block_size_bytes", v.block_size_bytes);
  a.field("queue_depth", v.queue_depth);
  a.field("jobs", v.jobs);
  a.field("io", v.io);
  a.field("direct", v.direct);
  a.field("arrivals_per_s", v.arrivals_per_s);
  a.field("read_share", v.read_share);
  a.field("trace", v.trace);
  a.field("merge_range", v.merge_range);
  a.field("merge_order", v.merge_order);
  a.field("checkpoint", v.checkpoint);
  a.field("damage", v.damage);
  a.field("under", v.under);
  a.field("rate_limit_bytes_per_s", v.rate_limit_bytes_per_s);
}

void describe(auto& a, Is<MetricSummary> auto& v) {
  a.field("metric", v.metric);
  a.field("median", v.summary.median);
  a.field("low", v.summary.low);
  a.field("high", v.summary.high);
  a.field("count", v.summary.count);
  a.field("interval", v.summary.interval);
}

void describe(auto& a, Is<Measurement> auto& v) {
  a.field("name", v.name);
  a.field("kind", v.kind);
  a.field("workload", v.workload);
  a.derived("summaries", v.summaries);
  a.field("repeats", v.repeats);
}

void describe(auto& a, Is<Point> auto& v) {
  a.field("parameters", v.parameters);
  a.field("disk", v.disk);
  a.field("setup_duration_s", v.setup_duration_s);
  a.field("layers", v.layers);
  a.field("measurements", v.measurements);
}

void describe(auto& a, Is<Verification> auto& v) {
  a.field("sectors_checked", v.sectors_checked);
  a.field("sectors_wrong", v.sectors_wrong);
  a.field("first_wrong", v.first_wrong);
}

void describe(auto& a, Is<Expectation> auto& v) {
  a.field("text", v.text);
  a.field("metric", v.metric);
  a.field("observed", v.observed);
  a.field("limit", v.limit);
  a.field("unit", v.unit);
  a.field("met", v.met);
}

void describe(auto& a, Is<Note> auto& v) {
  a.field("severity", v.severity);
  a.field("name", v.name);
  a.field("text", v.text);
}

void describe(auto& a, Is<RunRecord> auto& v) {
  a.field("format_version", v.format_version);
  a.field("tool_version", v.tool_version);
  a.field("tool_commit", v.tool_commit);
  a.field("findings", v.findings);
  a.field("scenario_name", v.scenario_name);
  a.field("scenario_question", v.scenario_question);
  a.field("target", v.target);
  a.field("seed", v.seed);
  a.field("started_at", v.started_at);
  a.field("duration_s", v.duration_s);
  a.field("complete", v.complete);
  a.field("settings", v.settings);
  a.field("verification", v.verification);
  a.field("expectations", v.expectations);
  a.field("notes", v.notes);
  a.field("environment", v.environment);
  a.field("sweep", v.sweep);
  a.field("points", v.points);
  a.field("scenario_source", v.scenario_source);
}

// ---- Writing ----

Json to_json(const std::string& value) {
  return value;
}
Json to_json(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}
Json to_json(uint64_t value) {
  return value;
}
Json to_json(uint32_t value) {
  return value;
}
Json to_json(bool value) {
  return value;
}
Json to_json(const HistogramBucket& bucket) {
  return Json::array({bucket.value_ns, bucket.count});
}
Json to_json(const Repeat& repeat);

template <typename E>
  requires std::is_enum_v<E>
Json to_json(E value) {
  const auto names = names_of(E{});
  return std::ranges::find(names, value, &std::pair<E, std::string_view>::first)->second;
}

template <typename T>
  requires std::is_class_v<T>
Json to_json(const T& structure);

template <typename T>
Json to_json(const std::vector<T>& list) {
  Json json = Json::array();
  for (const T& item : list)
    json.push_back(to_json(item));
  return json;
}

class Writer {
 public:
  template <typename T>
  void field(const char* name, const T& value) {
    json_[name] = to_json(value);
  }
  template <typename T>
  void field(const char* name, const std::optional<T>& value) {
    if (value) json_[name] = to_json(*value);
  }
  template <typename T>
  void derived(const char* name, const T& value) {
    field(name, value);
  }
  Json take() { return std::move(json_); }

 private:
  Json json_ = Json::object();
};

template <typename T>
  requires std::is_class_v<T>
Json to_json(const T& structure) {
  Writer writer;
  describe(writer, structure);
  return writer.take();
}

// With the numbers that follow from the repeat, for programs that do not have metric_value().
Json to_json(const Repeat& repeat) {
  Writer writer;
  describe(writer, repeat);
  Json json = writer.take();
  const MeasurementKind kind = kind_of(repeat);
  Json metrics = Json::object();
  for (const Metric& metric : metric_names()) {
    if (!applies_to(metric, kind)) continue;
    if (const auto value = metric_value(repeat, metric.name))
      metrics[std::string(metric.name)] = to_json(*value);
  }
  json["metrics"] = std::move(metrics);
  return json;
}

bool fits_one_line(const Json& json) {
  return std::ranges::none_of(json, [](const Json& item) { return item.is_object(); });
}

std::string one_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Like dump(2), but lists of numbers (a histogram has hundreds) stay on one line.
void append_indented(std::string& text, const Json& json, size_t depth) {
  const std::string indent(2 * depth + 2, ' ');
  const char* separator = "\n";
  if (json.is_object() && !json.empty()) {
    text += '{';
    for (const auto& [name, value] : json.items()) {
      text += separator + indent + one_line(name) + ": ";
      append_indented(text, value, depth + 1);
      separator = ",\n";
    }
    text += '\n' + std::string(2 * depth, ' ') + '}';
  } else if (json.is_array() && !fits_one_line(json)) {
    text += '[';
    for (const Json& value : json) {
      text += separator + indent;
      append_indented(text, value, depth + 1);
      separator = ",\n";
    }
    text += '\n' + std::string(2 * depth, ' ') + ']';
  } else {
    text += one_line(json);
  }
}

// ---- Reading ----

// Reads one JSON object into a structure. Keeps the first fault and then does nothing more, so describe()
// needs no branches; the value read so far is then thrown away.
class Reader {
 public:
  Reader(const Json& json, std::string path, std::optional<Error>& fault)
      : json_(json), path_(std::move(path)), fault_(fault) {
    if (!json_.is_object()) wrong_type(path_, json_, "an object");
  }

  template <typename T>
  void field(const char* name, T& value) {
    if (fault_) return;
    const auto found = json_.find(name);
    if (found == json_.end()) return fail(path_of(name), "is missing");
    read(*found, path_of(name), value);
  }
  template <typename T>
  void field(const char* name, std::optional<T>& value) {
    if (fault_) return;
    const auto found = json_.find(name);
    if (found == json_.end() || found->is_null()) return;
    read(*found, path_of(name), value.emplace());
  }
  // What follows from other fields is computed again, not believed.
  template <typename T>
  void derived(const char*, T&) {}

 private:
  [[nodiscard]] std::string path_of(const char* name) const {
    return path_.empty() ? name : path_ + "." + name;
  }

  void fail(const std::string& path, const std::string& what) {
    if (fault_) return;
    fault_ = Error{ErrorKind::damaged, "result-field",
                   fmt::format("{} {}", path.empty() ? "the file's top" : path, what),
                   "run the scenario again to get a whole result"};
  }
  void wrong_type(const std::string& path, const Json& json, std::string_view expected) {
    fail(path, fmt::format("is {}, expected {}", json.type_name(), expected));
  }

  void read(const Json& json, const std::string& path, std::string& value) {
    if (!json.is_string()) return wrong_type(path, json, "text");
    value = json.get<std::string>();
  }
  void read(const Json& json, const std::string& path, bool& value) {
    if (!json.is_boolean()) return wrong_type(path, json, "true or false");
    value = json.get<bool>();
  }
  void read(const Json& json, const std::string& path, double& value) {
    if (!json.is_number()) return wrong_type(path, json, "a number");
    value = json.get<double>();
  }
  void read(const Json& json, const std::string& path, uint64_t& value) {
    if (!json.is_number_unsigned()) return wrong_type(path, json, "a whole number from 0");
    value = json.get<uint64_t>();
  }
  void read(const Json& json, const std::string& path, uint32_t& value) {
    uint64_t wide = 0;
    read(json, path, wide);
    if (wide > UINT32_MAX) return fail(path, fmt::format("is {}, expected at most {}", wide, UINT32_MAX));
    value = static_cast<uint32_t>(wide);
  }
  void read(const Json& json, const std::string& path, HistogramBucket& value) {
    if (!json.is_array() || json.size() != 2) return wrong_type(path, json, "a pair [value_ns, count]");
    read(json[0], path + "[0]", value.value_ns);
    read(json[1], path + "[1]", value.count);
  }
  template <typename E>
    requires std::is_enum_v<E>
  void read(const Json& json, const std::string& path, E& value) {
    if (!json.is_string()) return wrong_type(path, json, "text");
    const auto text = json.get<std::string>();
    const auto names = names_of(E{});
    const auto found = std::ranges::find(names, text, &std::pair<E, std::string_view>::second);
    if (found == names.end())
      return fail(path, fmt::format("is '{}', which this program does not know", text));
    value = found->first;
  }
  template <typename T>
  void read(const Json& json, const std::string& path, std::vector<T>& value) {
    if (!json.is_array()) return wrong_type(path, json, "a list");
    value.reserve(json.size());
    for (size_t i = 0; i < json.size() && !fault_; ++i)
      read(json[i], fmt::format("{}[{}]", path, i), value.emplace_back());
  }
  template <typename T>
    requires std::is_class_v<T>
  void read(const Json& json, const std::string& path, T& value) {
    Reader inner(json, path, fault_);
    if (!fault_) describe(inner, value);
  }

  const Json& json_;
  std::string path_;
  std::optional<Error>& fault_;
};

// The line and column, from 1, of a byte of the text.
std::string place_of(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const auto line = std::ranges::count(before, '\n') + 1;
  const size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return fmt::format("line {}, column {}", line, before.size() - line_start + 1);
}

// A guard before the parser: how deep brackets nest, counted outside of strings.
bool nests_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > nesting_max) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

Result<Json> parse_json(std::string_view text) {
  auto syntax = [](std::string message) {
    return failure(ErrorKind::damaged, "result-syntax", std::move(message),
                   "give the results.json that 'vhdlab run' wrote");
  };
  if (nests_too_deep(text)) return syntax(fmt::format("brackets nest deeper than {} levels", nesting_max));
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    return syntax(fmt::format("{}: not valid JSON", place_of(text, error.byte == 0 ? 0 : error.byte - 1)));
  } catch (const Json::exception&) {
    return syntax("holds a number that no computer number can hold");
  }
}

Result<void> check_version(const Json& json) {
  if (!json.is_object() || !json.contains("format_version")) {
    return failure(ErrorKind::damaged, "result-field",
                   "format_version is missing: this is not a result of vhdlab",
                   "give the results.json that 'vhdlab run' wrote");
  }
  const Json& version = json["format_version"];
  if (version.is_number_unsigned() && version.get<uint64_t>() == result_format_version) return {};
  return failure(ErrorKind::unsupported, "result-version",
                 fmt::format("format_version is {}, and this program reads {}", one_line(version),
                             result_format_version),
                 "use the vhdlab that made the file, or run the scenario again");
}

}  // namespace

std::string result_text(const RunRecord& record) {
  std::string text;
  append_indented(text, to_json(record), 0);
  return text + '\n';
}

Result<RunRecord> parse_result(std::string_view text) {
  if (text.size() > result_bytes_max) {
    return failure(
        ErrorKind::unsupported, "result-too-large",
        fmt::format("has {}, expected at most {}", format_size(text.size()), format_size(result_bytes_max)));
  }
  const Json json = TRY(parse_json(text));
  TRY(check_version(json));
  RunRecord record;
  std::optional<Error> fault;
  Reader reader(json, "", fault);
  describe(reader, record);
  if (fault) return std::unexpected(*std::move(fault));
  TRY(check_rules(record));
  for (Point& point : record.points)
    std::ranges::for_each(point.measurements, summarise_measurement);
  return record;
}

Result<void> write_result_file(const std::string& path, const RunRecord& record) {
  return write_text_file(path, result_text(record));
}

Result<RunRecord> read_result_file(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const std::string file_path =
      fs::is_directory(path, error) ? (fs::path(path) / "results.json").string() : path;
  if (!fs::exists(file_path, error)) {
    return failure(ErrorKind::not_found, "result-not-found",
                   fmt::format("{}: there is no such file", file_path),
                   "give a folder that 'vhdlab run --output' made");
  }
  if (!fs::is_regular_file(file_path, error)) {
    return failure(ErrorKind::invalid_argument, "result-not-regular",
                   fmt::format("{}: is no regular file, expected results", file_path),
                   "give a folder that 'vhdlab run --output' made, or its results.json");
  }
  const uint64_t size_bytes = fs::file_size(file_path, error);
  if (!error && size_bytes > result_bytes_max) {
    return failure(ErrorKind::unsupported, "result-too-large",
                   fmt::format("{}: has {}, expected at most {}", file_path, format_size(size_bytes),
                               format_size(result_bytes_max)));
  }
  std::ifstream file(file_path, std::ios::binary);
  std::string text(error ? 0 : size_bytes, '\0');
  if (error || !file.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    return failure(ErrorKind::io_failed, "result-read", fmt::format("{}: cannot be read", file_path),
                   "check that it is a file you may read");
  }
  return TRY_IN(file_path, parse_result(text));
}

}  // namespace vhdlab::reports
