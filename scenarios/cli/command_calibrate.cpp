// vhdlab calibrate: a device profile from measurements, and how far what it predicts is from what was
// measured.
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <ostream>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "reports/results/result_file.h"
#include "scenarios/calibration/profile_text.h"
#include "scenarios/calibration/simulated_rates.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/text_table.h"
#include "scenarios/cli/write_text_file.h"

namespace vhdlab::scenarios::calibrate_command {
namespace {

constexpr uint64_t file_bytes_max = 256 * mib;  // as results may be

// Which points are fitted; the others are predicted.
struct FitChoice {
  std::string name;              // "depth"; empty: every point is fitted
  std::set<std::string> values;  // "0", "4", "16"

  [[nodiscard]] bool takes(const MeasuredPoint& point) const {
    return name.empty() || std::ranges::any_of(point.values, [&](const reports::NamedText& value) {
             return value.name == name && values.contains(value.text);
           });
  }
};

struct Source {
  Measurements measurements;
  std::optional<reports::RunRecord> record;  // of vhdlab's own results: its scenario can be simulated
};

// A point with what was predicted for it.
struct Line {
  std::string label;
  double measured_per_s = 0;
  double predicted_per_s = 0;
  bool is_fitted = false;
  bool is_simulated = false;

  [[nodiscard]] double error() const { return predicted_per_s / measured_per_s - 1; }
};

Result<FitChoice> choice_of(const Arguments& arguments) {
  FitChoice choice;
  const auto text = arguments.text("fit");
  if (!text) return choice;
  const size_t equals = text->find('=');
  if (equals == std::string::npos || equals == 0)
    return usage_failure("usage-value", "--fit names no points",
                         "write NAME=VALUE,..., as in --fit depth=0,4,16");
  choice.name = text->substr(0, equals);
  std::string rest = text->substr(equals + 1);
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    choice.values.insert(rest.substr(0, comma));
    rest.erase(0, comma + 1);
  }
  return choice;
}

Result<std::string> read_text(FileSystem& files, const std::string& path) {
  const auto file = TRY(files.open(path, OpenMode::read_only));
  const uint64_t size = TRY(file->size_bytes());
  if (size > file_bytes_max) {
    return failure(ErrorKind::invalid_argument, "calibrate-file",
                   fmt::format("{}: {} is more than measurements take, which is at most {}", path,
                               format_size(size), format_size(file_bytes_max)));
  }
  std::string text(size, '\0');
  TRY(file->read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

// Told apart by what the file holds, not by its name.
Result<Source> read_source(const CommandContext& context, const std::string& path, const Arguments& arguments,
                           RateFrom from) {
  const std::string step = arguments.text("step").value_or("");
  std::string text;
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) text = TRY(read_text(context.files, path));
  const size_t first = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (first != std::string::npos && text[first] == '<')
    return Source{.measurements = TRY(measurements_of_diskspd(text, path))};
  if (text.find("\"fio version\"") != std::string::npos)
    return Source{.measurements = TRY(measurements_of_fio(text, path))};
  reports::RunRecord record = TRY(reports::read_result_file(path));
  Measurements measurements = TRY(measurements_of(record, step, from));
  return Source{std::move(measurements), std::move(record)};
}

Result<sim::MachineFit> fit(const std::vector<Source>& sources, const FitChoice& choice) {
  std::vector<sim::RateSample> samples;
  uint32_t processors = 0;
  for (const Source& source : sources) {
    processors = std::max(processors, source.measurements.processors);
    for (const MeasuredPoint& point : source.measurements.points) {
      if (choice.takes(point)) samples.push_back(point.sample);
    }
  }
  if (processors == 0) {  // nobody said: as many as could ever be busy
    for (const sim::RateSample& sample : samples)
      processors = std::max(processors, static_cast<uint32_t>(std::min(std::ceil(sample.in_flight), 4096.0)));
  }
  return sim::fit_machine(samples, std::max<uint32_t>(processors, 1));
}

Result<void> predict(const Source& source, const FitChoice& choice, const sim::MachineNumbers& numbers,
                     const std::string& step, RateFrom from, const StopRequested& stop,
                     std::vector<Line>& lines) {
  std::vector<std::optional<double>> simulated;
  if (source.record)
    simulated = TRY(simulated_rates(*source.record, step, from, sim::profile_of(numbers), stop));
  for (size_t i = 0; i < source.measurements.points.size(); ++i) {
    const MeasuredPoint& point = source.measurements.points[i];
    Line line{.label = point.label,
              .measured_per_s = point.sample.operations_per_s,
              .predicted_per_s = sim::predicted_rate(numbers, point.sample),
              .is_fitted = choice.takes(point)};
    if (i < simulated.size() && simulated[i]) {
      line.predicted_per_s = *simulated[i];
      line.is_simulated = true;
    }
    lines.push_back(std::move(line));
  }
  return {};
}

std::optional<double> median_error(const std::vector<Line>& lines, bool of_fitted) {
  std::vector<double> errors;
  for (const Line& line : lines) {
    if (line.is_fitted == of_fitted) errors.push_back(std::abs(line.error()));
  }
  if (errors.empty()) return std::nullopt;
  std::ranges::sort(errors);
  const size_t middle = errors.size() / 2;
  return errors.size() % 2 == 1 ? errors[middle] : (errors[middle - 1] + errors[middle]) / 2;
}

std::vector<std::pair<std::string, std::string>> facts_of(const sim::MachineNumbers& numbers) {
  std::vector<std::pair<std::string, std::string>> facts;
  const auto time = [&](const char* name, const std::optional<double>& seconds) {
    if (seconds) facts.emplace_back(name, fmt::format("{:.4g} us", *seconds * 1e6));
  };
  facts.emplace_back("processors", std::to_string(numbers.processors));
  time("an operation", numbers.operation_s);
  time("a layer asked", numbers.layer_probe_s);
  time("a device request", numbers.device_latency_s);
  if (numbers.device_bytes_per_s)
    facts.emplace_back("device bandwidth",
                       format_size(static_cast<uint64_t>(*numbers.device_bytes_per_s)) + "/s");
  if (numbers.device_operations_per_s)
    facts.emplace_back("device capacity",
                       fmt::format("{:.0f} operations/s", *numbers.device_operations_per_s));
  return facts;
}

void print(const CommandContext& context, const std::vector<Source>& sources, const sim::MachineFit& fit,
           const std::vector<Line>& lines) {
  print_facts(context.out, facts_of(fit.numbers));
  context.out << "\n";
  std::vector<TextRow> rows;
  for (const Line& line : lines) {
    rows.push_back({printable(line.label), fmt::format("{:.0f}", line.measured_per_s),
                    fmt::format("{:.0f}", line.predicted_per_s), fmt::format("{:+.1f} %", line.error() * 100),
                    fmt::format("{}{}", line.is_fitted ? "fitted" : "held out",
                                line.is_simulated ? ", simulated" : "")});
  }
  print_table(context.out,
              {{"point"}, {"measured/s", true}, {"predicted/s", true}, {"error", true}, {"which"}}, rows);
  context.out << fmt::format("\nresidual of the fit: {:.1f} % (root mean square)\n", fit.error_rms * 100);
  if (const auto error = median_error(lines, false))
    context.out << fmt::format("median error of the points held out: {:.1f} %\n", *error * 100);
  context.out << "only reads were fitted: the profile gives writes the same times\n";
  for (const Source& source : sources) {
    for (const std::string& reason : source.measurements.left_out)
      context.out << fmt::format("left out: {}\n", printable(reason));
  }
}

void print_as_json(const CommandContext& context, const sim::MachineFit& fit,
                   const std::vector<Line>& lines) {
  const auto number = [](const std::optional<double>& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
  };
  const sim::MachineNumbers& numbers = fit.numbers;
  nlohmann::ordered_json document = {{"numbers",
                                      {{"processors", numbers.processors},
                                       {"operation_s", number(numbers.operation_s)},
                                       {"layer_probe_s", number(numbers.layer_probe_s)},
                                       {"device_latency_s", number(numbers.device_latency_s)},
                                       {"device_bytes_per_s", number(numbers.device_bytes_per_s)},
                                       {"device_operations_per_s", number(numbers.device_operations_per_s)}}},
                                     {"error_rms", fit.error_rms},
                                     {"error_median_held_out", number(median_error(lines, false))},
                                     {"points", nlohmann::ordered_json::array()}};
  for (const Line& line : lines) {
    document["points"].push_back({{"point", line.label},
                                  {"measured_per_s", line.measured_per_s},
                                  {"predicted_per_s", line.predicted_per_s},
                                  {"fitted", line.is_fitted},
                                  {"simulated", line.is_simulated}});
  }
  context.out << json_text(document);
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"FILE", Count::at_least_one}},
      .options =
          {
              {"fit", "NAME=VALUES",
               "fit to the points with these values only, such as depth=0,4,16, and predict the others; by "
               "default every point is fitted"},
              {"metric", "METRIC",
               "take rates from 'iops' (the default) or from 'latency_ns_p50', which other work on the "
               "machine disturbs less"},
              {"step", "NAME", "the measured step to go by, where a scenario has several that read"},
              {"output", "PROFILE", "write the profile to this file, for 'vhdlab run --device PROFILE'"},
              {"force", "", "replace PROFILE where it exists"},
              format_option,
          },
      .description =
          "Fits a device profile to measurements by least squares, shows what is left over, and predicts the "
          "points that were held out. FILE is a result of 'vhdlab run' (its reads are used, and its own "
          "scenario is simulated to predict), the output of 'fio --output-format=json', or of 'diskspd "
          "-Rxml'. Only reads are fitted; what holds writes, or was kept to a rate, is left out.",
      .example =
          "calibrate results/read-degradation --fit depth=0,4,16 --output here.yaml\n"
          "run read-degradation --target sim --device here.yaml",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const FitChoice choice = TRY(choice_of(arguments));
  constexpr std::array<std::string_view, 2> metrics = {"iops", "latency_ns_p50"};
  const RateFrom from =
      TRY(arguments.choice("metric", metrics)).value_or(0) == 0 ? RateFrom::iops : RateFrom::latency_ns_p50;
  const auto output = arguments.text("output");
  if (output) TRY(require_absent(context.files, *output, arguments.has("force")));

  std::vector<Source> sources;
  std::vector<std::string> origins;
  for (const std::string& path : arguments.positionals()) {
    sources.push_back(TRY(read_source(context, path, arguments, from)));
    origins.push_back(sources.back().measurements.origin);
  }
  const sim::MachineFit fitted = TRY(fit(sources, choice));
  std::vector<Line> lines;
  for (const Source& source : sources)
    TRY(predict(source, choice, fitted.numbers, source.measurements.step, from, context.stop, lines));

  format == OutputFormat::json ? print_as_json(context, fitted, lines)
                               : print(context, sources, fitted, lines);
  if (!output) return ExitCode::done;
  TRY(write_text_file(context.files, context.random, *output,
                      profile_text(fitted.numbers, origins, fitted.error_rms)));
  (format == OutputFormat::json ? context.err : context.out)
      << fmt::format("profile: {}\n", printable(*output));
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::calibrate_command
