// Choosing rows and columns.
#include "reports/export/record_tables.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "reports/findings/sweep_view.h"
#include "reports/results/metrics.h"
#include "reports/results/number_text.h"

namespace vhdlab::reports {
namespace {

Cell text_cell(std::string text) {
  return {.text = std::move(text), .detail = {}, .number = {}};
}

Cell number_cell(double value, std::string_view unit) {
  return {.text = value_text(value, unit), .detail = {}, .number = value};
}

Cell summary_cell(const Summary* summary, std::string_view unit) {
  if (summary == nullptr) return {};
  Cell cell = number_cell(summary->median, unit);
  // Ends that look like the median say nothing more.
  const bool spread = value_text(summary->low, unit) != value_text(summary->high, unit);
  if (summary->interval != IntervalKind::none && spread)
    cell.detail = span_text(summary->low, summary->high, unit);
  return cell;
}

std::string variable_title(const std::string& name) {
  return name == "depth" ? "chain depth" : words(name);
}

Column variable_column(const SweepVariable& variable, bool numeric) {
  return {.name = variable.name, .title = variable_title(variable.name), .numeric = numeric};
}

// Columns for the sweep variables, and a point's cells in them.
std::vector<Column> variable_columns(const RunRecord& record) {
  std::vector<Column> columns;
  for (size_t v = 0; v < record.sweep.size(); ++v) {
    const bool numeric = std::ranges::all_of(
        record.points, [v](const Point& p) { return p.parameters[v].number.has_value(); });
    columns.push_back(variable_column(record.sweep[v], numeric));
  }
  return columns;
}

std::vector<Cell> variable_cells(const Point& point) {
  std::vector<Cell> cells;
  for (const ParameterValue& value : point.parameters) {
    cells.push_back({.text = value.text, .detail = {}, .number = value.number});
  }
  return cells;
}

// The first summary of a measurement; its intervals differ from others' only if repeats are missing
// somewhere.
const Summary* first_summary(const RunRecord& record, const std::string& name) {
  for (const Point& point : record.points) {
    const Measurement* measurement = find_measurement(point, name);
    if (measurement != nullptr && !measurement->summaries.empty())
      return &measurement->summaries.front().summary;
  }
  return nullptr;
}

// What medians and intervals of a measurement are.
std::string interval_note(const RunRecord& record, const std::string& name) {
  const Summary* summary = first_summary(record, name);
  if (summary == nullptr) return "";
  if (is_in_virtual_time(record)) return "in virtual time: every repeat gives the same figures";
  if (summary->interval == IntervalKind::none) return "one repeat: nothing is known about the spread";
  return "median, and " + interval_text(*summary);
}

// The same where only medians are shown.
std::string medians_note(const RunRecord& record, const std::string& name) {
  const Summary* summary = first_summary(record, name);
  if (summary == nullptr || summary->interval == IntervalKind::none || is_in_virtual_time(record)) return "";
  return fmt::format("medians of {} repeats; the report has the {} of each", summary->count,
                     interval_name(summary->interval));
}

std::string workload_words(const RunRecord& record, const std::string& name) {
  std::string text;
  for (const Point& point : record.points) {
    const Measurement* measurement = find_measurement(point, name);
    if (measurement == nullptr) continue;
    const std::string here = describe_workload(measurement->kind, measurement->workload);
    if (text.empty()) text = here;
    if (text != here) return "";  // the tables of workloads tell them apart
  }
  return text;
}

struct MetricColumn {
  std::string_view metric;
  std::string_view title;
};

constexpr std::array workload_columns = {
    MetricColumn{"iops", "IOPS"},
    MetricColumn{"bytes_per_s", "throughput"},
    MetricColumn{"latency_ns_p50", "p50"},
    MetricColumn{"latency_ns_p99", "p99"},
    MetricColumn{"layers_probed_per_read", "layers probed per read"},
};
constexpr std::array merge_columns = {
    MetricColumn{"layers_merged", "layers"},  MetricColumn{"union_bytes", "changed data"},
    MetricColumn{"duration_s", "time"},       MetricColumn{"bytes_moved", "moved"},
    MetricColumn{"bytes_written", "written"}, MetricColumn{"write_amplification", "write amplification"},
};
// Of a merge that checkpoints left pending.
constexpr std::array pending_merge_columns = {
    MetricColumn{"layers_merged", "files merged"},
    MetricColumn{"passes", "passes"},
    MetricColumn{"duration_s", "time"},
    MetricColumn{"bytes_moved", "moved"},
    MetricColumn{"bytes_written", "written"},
    MetricColumn{"free_space_peak_bytes", "extra space"},
    MetricColumn{"space_before_bytes", "space before"},
    MetricColumn{"space_after_bytes", "after"},
};
constexpr std::array checkpoint_columns = {
    MetricColumn{"duration_s", "time"},
    MetricColumn{"bytes_written", "written"},
    MetricColumn{"files_created", "made"},
    MetricColumn{"files_removed", "gone"},
    MetricColumn{"space_before_bytes", "space before"},
    MetricColumn{"space_after_bytes", "after"},
    MetricColumn{"pending_files", "files to merge"},
    MetricColumn{"pending_bytes", "to be moved"},
};

constexpr std::array live_merge_columns = {
    MetricColumn{"finished", "finished"},
    MetricColumn{"duration_s", "time"},
    MetricColumn{"estimated_s", "expected"},
    MetricColumn{"live_passes", "passes"},
    MetricColumn{"pause_s_max", "longest pause"},
    MetricColumn{"iops", "IOPS"},
    MetricColumn{"latency_ns_p50", "p50"},
    MetricColumn{"latency_ns_p99", "p99"},
    MetricColumn{"pause_s_total", "paused"},
    MetricColumn{"bytes_moved", "moved"},
    MetricColumn{"changed_bytes_per_s", "changed meanwhile"},
};

std::span<const MetricColumn> columns_of(const Measurement& measurement) {
  if (is_workload(measurement.kind)) return workload_columns;
  if (measurement.kind == MeasurementKind::live_merge) return live_merge_columns;
  if (is_checkpoint_operation(measurement.kind)) return checkpoint_columns;
  return measurement.workload.merge_range == "pending" ? std::span<const MetricColumn>(pending_merge_columns)
                                                       : merge_columns;
}

Cell headline_cell(const Measurement& measurement, const MetricColumn& column) {
  const Metric* metric = find_metric(column.metric);
  return summary_cell(find_summary(measurement, column.metric), metric->unit);
}

Table headline_table(const RunRecord& record, const SweepView& view, const std::string& name,
                     const Measurement& first_measurement) {
  const std::string workload = workload_words(record, name);
  Table table{.title = workload.empty() ? name : name + ": " + workload,
              .note = interval_note(record, name),
              .columns = {},
              .rows = {},
              .note_without_details = medians_note(record, name)};
  table.columns = variable_columns(record);
  const std::span<const MetricColumn> metrics = columns_of(first_measurement);
  for (const MetricColumn& column : metrics) {
    table.columns.push_back(
        {.name = std::string(column.metric), .title = std::string(column.title), .numeric = true});
  }
  const bool relative = is_workload(first_measurement.kind) && view.axis.has_value();
  if (relative) {
    const Point& first = *view.curves.front().points.front();
    table.columns.push_back({.name = "relative",
                             .title = "relative to " + label_of({first.parameters[*view.axis]}),
                             .numeric = true});
  }

  for (const Curve& curve : view.curves) {
    const Measurement* base = find_measurement(*curve.points.front(), name);
    const Summary* base_rate = base == nullptr ? nullptr : find_summary(*base, "iops");
    for (const Point* point : curve.points) {
      const Measurement* measurement = find_measurement(*point, name);
      if (measurement == nullptr) continue;
      std::vector<Cell> row = variable_cells(*point);
      for (const MetricColumn& column : metrics)
        row.push_back(headline_cell(*measurement, column));
      if (relative) {
        const Summary* rate = find_summary(*measurement, "iops");
        const bool known = rate != nullptr && base_rate != nullptr && base_rate->median > 0;
        row.push_back(known ? number_cell(rate->median / base_rate->median, "%") : Cell{});
      }
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

// Takes away the count of merged layers where a sweep variable already says it in every row.
void drop_repeated_layers(Table& table, size_t variables) {
  const auto column = std::ranges::find(table.columns, "layers_merged", &Column::name);
  if (column == table.columns.end()) return;
  const auto c = static_cast<size_t>(column - table.columns.begin());
  for (size_t v = 0; v < variables; ++v) {
    if (!std::ranges::all_of(table.rows, [&](const auto& row) { return row[v].number == row[c].number; }))
      continue;
    for (auto& row : table.rows)
      row[c] = {};
    return;
  }
}

// Takes away columns in which no row has anything to say.
void drop_empty_columns(Table& table) {
  for (size_t c = table.columns.size(); c-- > 0;) {
    if (std::ranges::any_of(table.rows, [c](const auto& row) { return !row[c].text.empty(); })) continue;
    table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(c));
    for (auto& row : table.rows)
      row.erase(row.begin() + static_cast<std::ptrdiff_t>(c));
  }
}

constexpr size_t passes_shown_first = 4;
constexpr size_t passes_shown_last = 2;

// The passes of live merges, one row each, of the first repeat; of many the first and the last ones.
std::optional<Table> passes_table(const RunRecord& record, const std::string& name) {
  Table table{
      .title = name + ": passes",
      .note =
          "of the first repeat, the first and the last ones; a row without a time is the rest, merged "
          "in the pause before it",
      .columns = variable_columns(record),
      .rows = {}};
  table.columns.push_back({"pass", "pass", true});
  table.columns.push_back({"bytes_merged", "merged", true});
  table.columns.push_back({"bytes_written", "changed meanwhile", true});
  table.columns.push_back({"duration_s", "time", true});
  table.columns.push_back({"pause_s", "pause", true});
  for (const Point& point : record.points) {
    const Measurement* measurement = find_measurement(point, name);
    if (measurement == nullptr || measurement->repeats.empty() || !measurement->repeats.front().live)
      continue;
    const std::vector<LiveMergePass>& passes = measurement->repeats.front().live->passes;
    for (size_t i = 0; i < passes.size(); ++i) {
      if (i == passes_shown_first && passes.size() > passes_shown_first + passes_shown_last + 1)
        i = passes.size() - passes_shown_last;
      std::vector<Cell> row = variable_cells(point);
      row.push_back(number_cell(static_cast<double>(i + 1), "1"));
      row.push_back(number_cell(static_cast<double>(passes[i].bytes_merged), "B"));
      const bool has_time = passes[i].duration_s > 0;
      const bool has_next = has_time && passes[i].bytes_written > 0;
      row.push_back(has_next ? number_cell(static_cast<double>(passes[i].bytes_written), "B") : Cell{});
      row.push_back(has_time ? number_cell(passes[i].duration_s, "s") : Cell{});
      row.push_back(has_time ? number_cell(passes[i].pause_s, "s") : Cell{});
      table.rows.push_back(std::move(row));
    }
  }
  if (table.rows.empty()) return std::nullopt;
  drop_empty_columns(table);
  return table;
}

// `name` is one of the record's measurements.
const Measurement& first_of(const RunRecord& record, const std::string& name) {
  const Measurement* found = nullptr;
  for (const Point& point : record.points) {
    if (found == nullptr) found = find_measurement(point, name);
  }
  return *found;
}

// "monday, tuesday and 4 more".
std::string names_text(const std::vector<std::string>& names) {
  constexpr size_t shown_max = 3;
  const size_t shown = names.size() > shown_max ? shown_max - 1 : names.size();
  std::string text;
  for (size_t i = 0; i < shown; ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  return shown == names.size() ? text : text + fmt::format(" and {} more", names.size() - shown);
}

void add_row(Table& table, std::string name, std::string value) {
  if (!value.empty()) table.rows.push_back({text_cell(std::move(name)), text_cell(std::move(value))});
}

std::string block_states_text(const LayerState& layer) {
  std::string text;
  for (const BlockStateCount& state : layer.block_states) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", three_digits(static_cast<double>(state.blocks)),
                        state.state);
  }
  return text;
}

constexpr std::array traffic_fields = {
    std::pair{&FileTraffic::read_operations, MetricColumn{"1", "reads"}},
    std::pair{&FileTraffic::bytes_read, MetricColumn{"B", "bytes read"}},
    std::pair{&FileTraffic::write_operations, MetricColumn{"1", "writes"}},
    std::pair{&FileTraffic::bytes_written, MetricColumn{"B", "bytes written"}},
    std::pair{&FileTraffic::flushes, MetricColumn{"1", "flushes"}},
};

// A file's median over the repeats that touched it.
double traffic_median(const Measurement& measurement, const std::string& file,
                      uint64_t FileTraffic::* field) {
  std::vector<double> values;
  for (const Repeat& repeat : measurement.repeats) {
    const auto found = std::ranges::find(repeat.files, file, &FileTraffic::file);
    if (found != repeat.files.end()) values.push_back(static_cast<double>((*found).*field));
  }
  return median_of(values);
}

}  // namespace

std::vector<Table> headline_tables(const RunRecord& record) {
  std::vector<Table> tables;
  if (record.points.empty()) return tables;
  const SweepView view = view_of(record);
  for (const std::string& name : measurement_names(record)) {
    const Measurement& first = first_of(record, name);
    if (first.kind == MeasurementKind::damage) {
      tables.push_back(damage_table(record, name));
      continue;
    }
    tables.push_back(headline_table(record, view, name, first));
    drop_repeated_layers(tables.back(), record.sweep.size());
    drop_empty_columns(tables.back());
    if (auto passes = passes_table(record, name)) tables.push_back(*std::move(passes));
  }
  return tables;
}

Table damage_table(const RunRecord& record, const std::string& name) {
  const std::string workload = workload_words(record, name);
  Table table{.title = workload.empty() ? name : name + ": " + workload,
              .note = "every restore point was opened and read; Now is what the machine goes on with",
              .columns = variable_columns(record),
              .rows = {}};
  table.columns.push_back({"holds", "file of", false});
  table.columns.push_back({"lost_count", "lost", true});
  table.columns.push_back({"survived_count", "survive", true});
  table.columns.push_back({"unforeseen", "UNFORESEEN", false});
  table.columns.push_back({"lost", "restore points lost", false});
  table.columns.push_back({"survived", "restore points that survive", false});
  table.columns.push_back({"file", "file", false});
  for (const Point& point : record.points) {
    const Measurement* measurement = find_measurement(point, name);
    if (measurement == nullptr || measurement->repeats.empty() || !measurement->repeats.front().damage)
      continue;
    for (const DamagedFile& file : measurement->repeats.front().damage->files) {
      std::vector<Cell> row = variable_cells(point);
      row.push_back(text_cell(file.holds.empty() ? "nobody" : file.holds));
      row.push_back(number_cell(static_cast<double>(file.lost.size()), "1"));
      row.push_back(number_cell(static_cast<double>(file.survived.size()), "1"));
      row.push_back(text_cell(names_text(file.unforeseen)));
      row.push_back(text_cell(names_text(file.lost)));
      row.push_back(text_cell(names_text(file.survived)));
      row.push_back(text_cell(file.file));
      table.rows.push_back(std::move(row));
    }
  }
  drop_empty_columns(table);
  return table;
}

std::vector<Table> metric_tables(const RunRecord& record) {
  std::vector<Table> tables;
  for (const std::string& name : measurement_names(record)) {
    Table table{
        .title = name + ": every metric", .note = interval_note(record, name), .columns = {}, .rows = {}};
    table.columns.push_back({.name = "metric", .title = "metric", .numeric = false});
    std::vector<const Measurement*> measurements;
    for (const Point& point : record.points) {
      const Measurement* measurement = find_measurement(point, name);
      if (measurement == nullptr) continue;
      measurements.push_back(measurement);
      const std::string label = label_of(point.parameters);
      table.columns.push_back({.name = label, .title = label.empty() ? "value" : label, .numeric = true});
    }
    for (const Metric& metric : metric_names()) {
      std::vector<Cell> row = {Cell{std::string(metric.name), std::string(metric.description), {}}};
      bool known = false;
      for (const Measurement* measurement : measurements) {
        row.push_back(summary_cell(find_summary(*measurement, metric.name), metric.unit));
        known = known || !row.back().text.empty();
      }
      if (known) table.rows.push_back(std::move(row));
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

Table space_table(const RunRecord& record) {
  Table table{.title = "Files of the chain",
              .note = "when setup was done and measuring had not begun; the base comes first",
              .columns = variable_columns(record),
              .rows = {}};
  table.columns.push_back({"layer", "layer", false});
  table.columns.push_back({"file", "file", false});
  table.columns.push_back({"size_bytes", "size", true});
  table.columns.push_back({"allocated_bytes", "allocated", true});
  table.columns.push_back({"blocks", "blocks", false});
  for (const Point& point : record.points) {
    for (const LayerState& layer : point.layers) {
      std::vector<Cell> row = variable_cells(point);
      row.push_back(text_cell(layer.name));
      row.push_back(text_cell(layer.file));
      row.push_back(number_cell(static_cast<double>(layer.size_bytes), "B"));
      row.push_back(number_cell(static_cast<double>(layer.allocated_bytes), "B"));
      row.push_back(text_cell(block_states_text(layer)));
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

Table traffic_table(const RunRecord& record) {
  Table table{.title = "What reached each file",
              .note = "per repeat, median over the repeats; metadata included",
              .columns = variable_columns(record),
              .rows = {}};
  table.columns.push_back({"measurement", "measurement", false});
  table.columns.push_back({"file", "file", false});
  for (const auto& [field, column] : traffic_fields) {
    table.columns.push_back({words(column.title), std::string(column.title), true});
  }
  for (const Point& point : record.points) {
    for (const Measurement& measurement : point.measurements) {
      if (measurement.repeats.empty()) continue;
      for (const FileTraffic& file : measurement.repeats.front().files) {
        std::vector<Cell> row = variable_cells(point);
        row.push_back(text_cell(measurement.name));
        row.push_back(text_cell(file.file));
        for (const auto& [field, column] : traffic_fields) {
          row.push_back(number_cell(traffic_median(measurement, file.file, field), column.metric));
        }
        table.rows.push_back(std::move(row));
      }
    }
  }
  return table;
}

Table environment_table(const RunRecord& record) {
  Table table{.title = "Where it ran",
              .note = {},
              .columns = {{"name", "", false}, {"value", "", false}},
              .rows = {}};
  const Environment& env = record.environment;
  const auto unless_zero = [](uint64_t value, const std::string& text) {
    return value == 0 ? std::string() : text;
  };
  add_row(table, "scenario", record.scenario_name);
  add_row(table, "target", record.target);
  add_row(table, "seed", fmt::format("{}", record.seed));
  add_row(table, "started", record.started_at);
  add_row(table, "took", duration_text(record.duration_s));
  add_row(table, "vhdlab",
          record.tool_version + (record.tool_commit.empty() ? "" : ", commit " + record.tool_commit));
  for (const NamedText& setting : record.settings)
    add_row(table, "set " + setting.name, setting.text);
  add_row(table, "machine", env.machine);
  add_row(table, "processor", env.cpu + (env.cores == 0 ? "" : fmt::format(", {} cores", env.cores)));
  add_row(table, "memory", unless_zero(env.memory_bytes, bytes_text(static_cast<double>(env.memory_bytes))));
  add_row(table, "kernel", env.kernel);
  add_row(table, "file system", env.file_system + (env.mount.empty() ? "" : ", " + env.mount));
  if (env.direct_alignment_bytes != 0) {
    add_row(table, "direct I/O", "aligned to " + bytes_text(static_cast<double>(env.direct_alignment_bytes)));
  } else if (!env.file_system.empty()) {
    add_row(table, "direct I/O", "refused in the work folder");
  }
  add_row(table, "compiler", env.compiler);
  std::string libraries;
  for (const NamedText& library : env.libraries) {
    libraries += fmt::format("{}{} {}", libraries.empty() ? "" : ", ", library.name, library.text);
  }
  add_row(table, "libraries", libraries);
  if (!record.points.empty()) {
    const DiskDescription& disk = record.points.front().disk;
    add_row(table, "disk",
            fmt::format("{} of {}, blocks of {}, sectors of {} B{}", disk.format,
                        bytes_text(static_cast<double>(disk.size_bytes)),
                        bytes_text(static_cast<double>(disk.block_size_bytes)), disk.logical_sector_bytes,
                        disk.resolve.empty() ? "" : ", resolved by " + disk.resolve));
  }
  const Verification& check = record.verification;
  add_row(table, "verified",
          check.sectors_checked == 0 ? "nothing was read back and compared"
                                     : fmt::format("{} sectors read back, {} wrong",
                                                   three_digits(static_cast<double>(check.sectors_checked)),
                                                   three_digits(static_cast<double>(check.sectors_wrong))));
  return table;
}

Table workload_table(const RunRecord& record) {
  Table table{.title = "What was measured",
              .note = {},
              .columns = {{"measurement", "measurement", false},
                          {"workload", "workload", false},
                          {"repeats", "repeats", true}},
              .rows = {}};
  for (const std::string& name : measurement_names(record)) {
    std::vector<std::string> seen;
    for (const Point& point : record.points) {
      const Measurement* measurement = find_measurement(point, name);
      if (measurement == nullptr) continue;
      const std::string text = describe_workload(measurement->kind, measurement->workload);
      if (std::ranges::find(seen, text) != seen.end()) continue;
      seen.push_back(text);
      table.rows.push_back({text_cell(name), text_cell(text),
                            number_cell(static_cast<double>(measurement->repeats.size()), "1")});
    }
  }
  return table;
}

Table expectation_table(const RunRecord& record) {
  Table table{.title = "Expectations",
              .note = {},
              .columns = {{"expectation", "expectation", false},
                          {"observed", "observed", true},
                          {"met", "met", false}},
              .rows = {}};
  for (const Expectation& expectation : record.expectations) {
    const Cell observed =
        expectation.observed ? number_cell(*expectation.observed, expectation.unit) : text_cell("nothing");
    table.rows.push_back({text_cell(expectation.text), observed, text_cell(expectation.met ? "yes" : "NO")});
  }
  return table;
}

Table numbers_table(std::span<const RunRecord> records) {
  Table table{.title = "Every number", .note = {}, .columns = {}, .rows = {}};
  std::vector<std::string> variables;
  for (const RunRecord& record : records) {
    for (const SweepVariable& variable : record.sweep) {
      if (std::ranges::find(variables, variable.name) == variables.end()) variables.push_back(variable.name);
    }
  }
  for (const char* name : {"scenario", "target", "started_at", "seed"})
    table.columns.push_back({name, name, false});
  for (const std::string& name : variables)
    table.columns.push_back({name, name, false});
  for (const char* name : {"measurement", "kind", "metric", "unit"})
    table.columns.push_back({name, name, false});
  for (const char* name : {"median", "low", "high"})
    table.columns.push_back({name, name, true});
  for (const char* name : {"interval", "repeats"})
    table.columns.push_back({name, name, false});

  for (const RunRecord& record : records) {
    for (const Point& point : record.points) {
      for (const Measurement& measurement : point.measurements) {
        for (const MetricSummary& entry : measurement.summaries) {
          const Metric* metric = find_metric(entry.metric);
          if (metric == nullptr) continue;
          std::vector<Cell> row = {text_cell(record.scenario_name), text_cell(record.target),
                                   text_cell(record.started_at), text_cell(fmt::format("{}", record.seed))};
          for (const std::string& name : variables) {
            const auto value = std::ranges::find(point.parameters, name, &ParameterValue::name);
            row.push_back(value == point.parameters.end() ? Cell{} : Cell{value->text, {}, value->number});
          }
          row.push_back(text_cell(measurement.name));
          row.push_back(text_cell(std::string(kind_name(measurement.kind))));
          row.push_back(text_cell(entry.metric));
          row.push_back(text_cell(std::string(metric->unit)));
          const Summary& summary = entry.summary;
          for (const double value : {summary.median, summary.low, summary.high}) {
            row.push_back(number_cell(value, metric->unit));
          }
          row.push_back(text_cell(std::string(interval_name(summary.interval))));
          row.push_back(text_cell(fmt::format("{}", summary.count)));
          table.rows.push_back(std::move(row));
        }
      }
    }
  }
  return table;
}

}  // namespace vhdlab::reports
