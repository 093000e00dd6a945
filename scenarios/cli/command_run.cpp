// vhdlab run: a scenario from its file to results.json and report.html.
//
//   DIR/             the results' folder: made, or found without results
//     work-<random>/ the disks; gone when the run ends, however it ends
//     results.json   what was measured, of an incomplete run too
//     report.html
#include <algorithm>
#include <array>
#include <filesystem>
#include <ostream>
#include <thread>

#include <fmt/format.h>

#include "engine/io/system_failure.h"
#include "reports/export/render.h"
#include "reports/html/html.h"
#include "reports/results/result_file.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/folder_lock.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/progress_line.h"
#include "scenarios/cli/scenario_library.h"
#include "scenarios/cli/text_table.h"
#include "scenarios/cli/write_text_file.h"
#include "scenarios/devices/profile_file.h"
#include "scenarios/language/parse.h"
#include "scenarios/runner/environment.h"
#include "scenarios/runner/run_scenario.h"
#include "scenarios/targets/engine_target.h"
#include "scenarios/targets/sim_target.h"

namespace vhdlab::scenarios::run_command {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view results_name = "results.json";
constexpr std::string_view report_name = "report.html";

// The options that stand for a --set of the scenario's own keys.
Result<std::vector<std::string>> overrides_of(const Arguments& arguments) {
  std::vector<std::string> overrides = arguments.texts("set");
  if (const auto repeat = TRY(arguments.number("repeat"))) {
    if (*repeat < 1 || *repeat > repeat_max) {
      return usage_failure("usage-value",
                           fmt::format("--repeat: {} is not from 1 to {}", *repeat, repeat_max));
    }
    overrides.push_back(fmt::format("repeat={}", *repeat));
  }
  if (const auto seed = TRY(arguments.number("seed"))) overrides.push_back(fmt::format("seed={}", *seed));
  return overrides;
}

// Where the scenario runs, and on which device when that is modelled.
struct TargetChoice {
  TargetKind kind = TargetKind::engine;
  std::optional<sim::DeviceProfile> device;  // the user's choice
};

// The simulator's device where neither the user nor the scenario names one.
constexpr std::string_view usual_device = "nvme";

Result<sim::DeviceProfile> find_device(const CommandContext& context, const std::string& name) {
  auto profile = ProfileLibrary(context.files, context.library_folder).find(name);
  if (profile) return *std::move(profile);
  return failure(ErrorKind::invalid_argument, "device-profile",
                 fmt::format("the device cannot be used\n{}", render_findings(profile.error())),
                 "'vhdlab list devices' shows the shipped ones");
}

Result<TargetChoice> choose_target(const CommandContext& context, const Arguments& arguments,
                                   TargetKind by_scenario) {
  constexpr std::array<std::string_view, 4> targets = {"engine", "sim", "qemu", "hyperv"};
  const size_t usual = by_scenario == TargetKind::sim ? 1 : 0;
  const size_t target = TRY(arguments.choice("target", targets)).value_or(usual);
  const auto device = arguments.text("device");
  if (target > 1) {
    return failure(ErrorKind::unsupported, "run-target",
                   fmt::format("the target '{}' is not part of this version", targets[target]),
                   "use --target engine or --target sim");
  }
  if (target == 0) {
    if (device)
      return usage_failure("usage-option", "--device goes with --target sim only", "add --target sim");
    return TargetChoice{};
  }
  TargetChoice choice{.kind = TargetKind::sim};
  if (device) choice.device = TRY(find_device(context, *device));
  return choice;
}

Result<SimTargetOptions> sim_options(const CommandContext& context, const TargetChoice& choice) {
  return SimTargetOptions{
      .device = choice.device ? *choice.device : TRY(find_device(context, std::string(usual_device))),
      .device_is_chosen = choice.device.has_value(),
      .find_device = [&context](const std::string& name) { return find_device(context, name); }};
}

// The simulator's results follow from scenario, seed and device alone: they name no machine.
reports::Environment environment_of(const CommandContext& context, const TargetChoice& choice,
                                    const std::string& work_folder) {
  reports::Environment environment;
  if (choice.kind == TargetKind::engine) {
    environment = describe_environment(work_folder);
  } else {
    environment.machine =
        choice.device ? fmt::format("simulated, device {}", choice.device->name) : "simulated";
  }
  environment.compiler = context.build.compiler;
  return environment;
}

// "results/quick-20260301T123456Z": said by the clock, so that runs stand in order.
std::string usual_results_folder(const Scenario& scenario, std::string started_at) {
  std::erase_if(started_at, [](char c) { return c == '-' || c == ':'; });
  return (fs::path("results") / fmt::format("{}-{}", fs::path(scenario.file).stem().string(), started_at))
      .string();
}

// Folders of the run. What it made and left empty goes with it.
class ResultsFolder {
 public:
  ResultsFolder(const ResultsFolder&) = delete;
  ResultsFolder& operator=(const ResultsFolder&) = delete;

  ResultsFolder(const CommandContext& context, std::string path)
      : path_(std::move(path)),
        work_path_(
            (fs::path(path_) / fmt::format("work-{:08x}", static_cast<uint32_t>(context.random.next_u64())))
                .string()) {}

  ~ResultsFolder() {
    std::error_code ignored;  // the run's own outcome is what there is to tell
    if (has_work_folder_) fs::remove_all(work_path_, ignored);
    for (const fs::path& made : made_)
      fs::remove(made, ignored);  // fails where results are in it, as it should
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& work_path() const { return work_path_; }
  [[nodiscard]] std::string file(std::string_view name) const { return (fs::path(path_) / name).string(); }

  // Faults: output-in-use where another run is at work in it, file-exists where results are there already,
  // file-permission and the like.
  [[nodiscard]] Result<void> make(FileSystem& files, bool may_replace) {
    TRY(make_folder(path_));
    lock_ = TRY(FolderLock::take(path_));
    for (std::string_view name : {results_name, report_name})
      TRY(require_absent(files, file(name), may_replace));
    std::error_code error;
    has_work_folder_ = fs::create_directory(work_path_, error);
    if (error) return system_failure(work_path_, "make the work folder", error.value());
    return {};
  }

 private:
  Result<void> make_folder(const fs::path& folder) {
    std::error_code error;
    if (folder.empty() || fs::is_directory(folder, error)) return {};
    TRY(make_folder(folder.parent_path()));
    const bool is_new = fs::create_directory(folder, error);
    if (error == std::errc::file_exists || error == std::errc::not_a_directory) {
      return failure(ErrorKind::already_exists, "output-not-a-folder",
                     fmt::format("{}: is there and no folder, expected one for results", folder.string()),
                     "name another folder with --output");
    }
    if (error) return system_failure(folder.string(), "make the folder", error.value());
    if (is_new) made_.insert(made_.begin(), folder);  // innermost first, for removal
    return {};
  }

  FolderLock lock_;  // let go last
  std::string path_;
  std::string work_path_;
  bool has_work_folder_ = false;
  std::vector<fs::path> made_;
};

Result<RunOutcome> measure(const CommandContext& context, const Scenario& scenario,
                           const TargetChoice& choice, const ResultsFolder& folder,
                           const std::string& started_at, bool quiet) {
  const auto progress = make_progress(context, quiet);
  const auto free_space = context.free_space_bytes(folder.work_path());
  const bool takes_space = choice.kind == TargetKind::engine;
  const RunOptions options{
      .tool_version = std::string(context.build.version),
      .tool_commit = std::string(context.build.commit),
      .environment = environment_of(context, choice, folder.work_path()),
      .started_at = started_at,
      .space_available_bytes = free_space && takes_space ? std::optional(*free_space) : std::nullopt,
  };
  if (!takes_space) {
    const SimTargetOptions simulated = TRY(sim_options(context, choice));
    const auto make = [&] { return make_sim_target(simulated); };
    return run_scenario_apart(scenario, make, std::thread::hardware_concurrency(), options, *progress,
                              context.stop);
  }
  const auto target = make_engine_target(context.files, folder.work_path());
  return run_scenario(scenario, *target, options, *progress, context.stop);
}

bool has_measured(const reports::RunRecord& record) {
  return std::ranges::any_of(record.points, [](const reports::Point& point) {
    return std::ranges::any_of(point.measurements,
                               [](const reports::Measurement& each) { return !each.repeats.empty(); });
  });
}

Result<void> keep(const CommandContext& context, const ResultsFolder& folder,
                  const reports::RunRecord& record) {
  TRY(reports::write_result_file(folder.file(results_name), record));
  const std::string page = TRY(reports::render_html(std::span(&record, 1)));
  return write_text_file(context.files, context.random, folder.file(report_name), page);
}

void print(const CommandContext& context, const ResultsFolder& folder, const reports::RunRecord& record,
           OutputFormat format) {
  std::ostream* where_told = &context.err;
  if (format == OutputFormat::json) {
    context.out << reports::render_json(std::span(&record, 1));
  } else {
    context.out << reports::render_terminal(record, {.width = context.terminal.width_columns,
                                                     .colour = context.terminal.out_colour})
                << "\n";
    where_told = &context.out;
  }
  *where_told << fmt::format("results: {}\nreport:  {}\n", printable(folder.file(results_name)),
                             printable(folder.file(report_name)));
}

bool missed_a_goal(const reports::RunRecord& record) {
  return !std::ranges::all_of(record.expectations, &reports::Expectation::met);
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"FILE"}},
      .options =
          {
              {"target", "TARGET",
               "where the scenario runs: 'engine' (the default unless the scenario says otherwise), real "
               "files on this machine, or 'sim', modelled devices in virtual time"},
              {"device", "NAME",
               "with --target sim: the device, a shipped one ('vhdlab list devices') or the path of a "
               "profile; by default the scenario's, else 'nvme'"},
              {"set", "NAME=VALUE",
               "set a variable or any value of the scenario, such as depth=0,4 or disk.size=1GiB", true},
              {"output", "DIR",
               "the folder for results.json, report.html and, while the run lasts, its disks; by default "
               "results/NAME-TIME"},
              {"repeat", "N", "measure everything this many times"},
              {"seed", "N", "draw operations and content from this seed"},
              {"force", "", "replace results that are in DIR already"},
              quiet_option,
              {"format", "FORMAT",
               "what standard output gets: 'table' (the default) or 'json', the whole record"},
          },
      .description =
          "Runs a scenario: builds its disks, measures, verifies what was written, and prints what came out. "
          "FILE is a scenario or the name of a shipped one ('vhdlab list'). The disks are removed at the "
          "end; a run that is stopped with Ctrl-C keeps what it has measured. The exit code is 3 where a "
          "result missed an 'expect' of the scenario.",
      .example =
          "run quick\n"
          "run read-degradation --set depth=0,8 --output depth8",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  if (arguments.has("target"))  // a wrong option is told before a wrong file
    TRY(choose_target(context, arguments, TargetKind::engine));
  const std::string file =
      resolve_scenario_path(context.files, context.library_folder, arguments.positional(0));
  auto scenario = load_scenario(file, {.overrides = TRY(overrides_of(arguments)), .folder = {}});
  if (!scenario) {
    suggest_shipped_scenario(context.files, context.library_folder, file, scenario.error());
    context.err << printable_lines(render_findings(scenario.error()));
    return ExitCode::wrong_use;
  }
  const TargetChoice choice =
      TRY(choose_target(context, arguments, scenario->target.value_or(TargetKind::engine)));

  const std::string started_at = utc_now();
  ResultsFolder folder(context,
                       arguments.text("output").value_or(usual_results_folder(*scenario, started_at)));
  TRY(folder.make(context.files, arguments.has("force")));

  const RunOutcome outcome =
      TRY(measure(context, *scenario, choice, folder, started_at, arguments.has("quiet")));
  if (has_measured(outcome.record)) {
    TRY(keep(context, folder, outcome.record));
    print(context, folder, outcome.record, format);
  }
  if (outcome.failure) return std::unexpected(*outcome.failure);
  return missed_a_goal(outcome.record) ? ExitCode::missed_goal : ExitCode::done;
}

}  // namespace vhdlab::scenarios::run_command
