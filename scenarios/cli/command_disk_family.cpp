// vhdlab disk family: what the files of a folder are to each other, what would be lost with each, and in
// which order the leftovers are merged at the least cost.
#include <algorithm>
#include <chrono>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/merge/family_journal.h"
#include "engine/merge/family_merge.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/family_view.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/progress_line.h"

namespace vhdlab::scenarios::disk_family {
namespace {

// The wall clock gives ages and nothing else.
int64_t unix_now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

struct Request {
  OutputFormat format = OutputFormat::table;
  bool wants_plan = false;
  bool is_to_execute = false;
  std::optional<uint64_t> rate_bytes_per_s;
};

Result<Request> read_request(const Arguments& arguments) {
  Request request{.format = TRY(output_format(arguments)),
                  .wants_plan = arguments.has("plan") || arguments.has("execute") || arguments.has("rate") ||
                                arguments.has("measure-rate"),
                  .is_to_execute = arguments.has("execute"),
                  .rate_bytes_per_s = TRY(arguments.rate_bytes_per_s("rate"))};
  TRY(refuse_two_rates(arguments));
  if (arguments.has("plan") && request.is_to_execute) {
    return usage_failure("usage-option", "--plan and --execute exclude each other",
                         "--execute shows the plan, too, and asks first");
  }
  if (arguments.has("yes") && !request.is_to_execute)
    return usage_failure("usage-option", "--yes: there is nothing to say yes to without --execute");
  return request;
}

// The leaves that --in-use names, whatever path leads to them.
Result<std::vector<DiskIndex>> find_in_use(const CommandContext& context, const Arguments& arguments,
                                           const DiskFamilies& families) {
  std::vector<DiskIndex> in_use;
  for (const std::string& path : arguments.texts("in-use")) {
    const FileIdentity file = TRY(context.files.identity(path));
    const auto found = std::ranges::find(families.disks, file, &DiskFacts::file);
    if (found == families.disks.end()) {
      return usage_failure("usage-value", fmt::format("--in-use: {} is no VHDX file of this folder", path));
    }
    const auto disk = static_cast<DiskIndex>(found - families.disks.begin());
    if (!families.places[disk].children.empty()) {
      return usage_failure("usage-value",
                           fmt::format("--in-use: {} is no leaf: {} stands on it", path,
                                       families.disks[families.places[disk].children[0]].path),
                           "a machine writes to leaves only: name the disk it is set up with");
    }
    in_use.push_back(disk);
  }
  return in_use;
}

Result<FamilyView> look_at_folder(const CommandContext& context, const Arguments& arguments) {
  FamilyView view{.folder = arguments.positional(0),
                  .scan = {},
                  .families = {},
                  .in_use = {},
                  .now_unix_s = unix_now_s()};
  view.scan = TRY(scan_families(context.files, view.folder, {.stop = context.stop}, context.random));
  view.families = make_families(std::exchange(view.scan.disks, {}));
  view.in_use = TRY(find_in_use(context, arguments, view.families));
  return view;
}

Result<PlanView> make_plan(const CommandContext& context, const Arguments& arguments, const Request& request,
                           const FamilyView& view) {
  PlanView plan{.plan = {},
                .space_free_bytes = TRY(context.free_space_bytes(view.folder)),
                .rate_bytes_per_s = request.rate_bytes_per_s,
                .measured = {}};
  const FamilyPlanOptions options{.in_use = view.in_use,
                                  .merge_leaves = arguments.has("merge-leaves"),
                                  .space_limit_bytes = plan.space_free_bytes,
                                  .stop = context.stop};
  plan.plan = TRY(plan_family_merges(context.files, view.families, options, context.random));
  if (arguments.has("measure-rate")) {
    plan.measured = TRY(measure_copy_rate(context, view.folder));
    plan.rate_bytes_per_s = plan.measured->bytes_per_s;
  }
  return plan;
}

Result<bool> is_confirmed(const CommandContext& context, const Arguments& arguments,
                          const std::string& question) {
  if (arguments.has("yes")) return true;
  context.out.flush();
  if (context.confirm) return context.confirm(question);
  return usage_failure("family-not-confirmed", "nobody is there to confirm the merges",
                       "nothing was changed: add --yes to carry out the plan above");
}

// Carries out what the journal says is to be done.
Result<ExitCode> execute(const CommandContext& context, const Arguments& arguments, OutputFormat format,
                         FamilyJournal journal) {
  const auto progress = make_progress(context, arguments.has("quiet"));
  progress->stage("merging", ProgressUnit::bytes);
  const FamilyMergeOptions options{
      .progress = [&](uint64_t done, uint64_t total) { progress->update(done, total); },
      .stop = context.stop,
      .free_space_bytes = context.free_space_bytes};
  const std::string& folder = arguments.positional(0);
  auto outcome = merge_family(context.files, folder, std::move(journal), options, context.random);
  progress->finished();
  if (!outcome) {
    if (outcome.error().kind == ErrorKind::interrupted)
      outcome.error().hint = fmt::format("'vhdlab disk family {} --execute' goes on", folder);
    return std::unexpected(std::move(outcome).error());
  }
  if (format == OutputFormat::json) {
    context.out << json_text({{"merge_count", outcome->merges_done},
                              {"copied_bytes", outcome->bytes_copied},
                              {"journal_path", family_journal_path(folder)}});
  } else {
    context.out << fmt::format("{} merges done, {} copied; {} tells what was done\n", outcome->merges_done,
                               format_size(outcome->bytes_copied), printable(family_journal_path(folder)));
  }
  return ExitCode::done;
}

// An execution that was cut short goes on before anything else is planned.
Result<ExitCode> go_on(const CommandContext& context, const Arguments& arguments, const Request& request,
                       FamilyJournal journal) {
  if (request.format == OutputFormat::table) {
    context.out << fmt::format("{} merges of an earlier plan are done, {} are left; they come first:\n",
                               journal.done_count(), journal.steps.size() - journal.done_count());
    for (const auto& [state, step] : journal.steps) {
      if (state == StepState::done) continue;
      context.out << fmt::format("  merge {} {} into {}: {} to move{}\n", step.sources.size(),
                                 step.sources.size() == 1 ? "file" : "files", printable(step.target.path),
                                 format_size(step.bytes_to_copy),
                                 state == StepState::begun ? " (begun)" : "");
    }
  }
  if (!TRY(is_confirmed(context, arguments, "Go on with these merges?"))) {
    context.out << "nothing was changed\n";
    return ExitCode::failed;
  }
  return execute(context, arguments, request.format, std::move(journal));
}

Result<ExitCode> plan_and_execute(const CommandContext& context, const Arguments& arguments,
                                  const Request& request, const PlanView& plan) {
  if (plan.plan.steps.empty()) return ExitCode::done;
  if (!plan.plan.fits) {
    return failure(ErrorKind::no_space, "family-no-space",
                   fmt::format("{}: the merges need up to {} free, {} are", arguments.positional(0),
                               format_size(plan.plan.cost.peak_bytes), format_size(plan.space_free_bytes)),
                   "free some space; nothing was changed");
  }
  if (!TRY(
          is_confirmed(context, arguments, "Are the machines of these disks off, and shall this be done?"))) {
    context.out << "nothing was changed\n";
    return ExitCode::failed;
  }
  FamilyJournal journal;
  for (const PlannedStep& step : plan.plan.steps)
    journal.steps.push_back({.state = StepState::waiting, .step = step});
  return execute(context, arguments, request.format, std::move(journal));
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"DIR"}},
      .options =
          {
              {"plan", "", "show in which order leftovers are merged at the least cost, and what it takes"},
              {"execute", "", "carry the plan out, after asking; goes on with one that was cut short"},
              {"yes", "", "do not ask"},
              {"in-use", "PATH", "a leaf that a machine uses; it keeps its name", true},
              {"merge-leaves", "",
               "merge leaves, too, but for those in use: the disk is then the file below"},
              {"rate", "RATE", "tell times at this copying rate, such as 200MiB/s"},
              {"measure-rate", "", "tell times at a rate found by copying up to 256MiB in DIR"},
              quiet_option,
              format_option,
          },
      .description =
          "Finds every VHDX family in a folder tree by what the files say of their parents: chains, "
          "branches, orphans, changed parents, loops, copies, and what would be lost with each file. The "
          "exit code is 1 where a disk cannot be opened for it.\n"
          "Whether a machine uses a leaf cannot be seen in the files. A file that two disks stand on stays "
          "until one of them is left.",
      .example =
          "disk family /vm --plan --rate 200MiB/s\n"
          "disk family /vm --execute --in-use /vm/disk_7C1E.avhdx",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const Request request = TRY(read_request(arguments));
  auto journal = TRY(read_family_journal(context.files, arguments.positional(0)));
  const bool is_cut_short = journal && !journal->is_finished();
  if (is_cut_short && request.is_to_execute) return go_on(context, arguments, request, *std::move(journal));

  const FamilyView view = TRY(look_at_folder(context, arguments));
  std::optional<PlanView> plan;
  if (request.wants_plan) plan = TRY(make_plan(context, arguments, request, view));
  const bool shows_json = request.format == OutputFormat::json;
  if (shows_json && !request.is_to_execute) {
    auto document = as_json(view);
    document["plan"] = plan ? as_json(view, *plan) : nlohmann::ordered_json(nullptr);
    document["unfinished_journal"] = is_cut_short;
    context.out << json_text(document);
  } else if (!shows_json) {
    print_families(context.out, view);
    if (plan) print_plan(context.out, view, *plan);
    if (is_cut_short) {
      context.out << fmt::format(
          "\nAn earlier plan was cut short ({} of {} merges done): --execute goes on with it.\n",
          journal->done_count(), journal->steps.size());
    }
  }
  if (request.is_to_execute) return plan_and_execute(context, arguments, request, *plan);
  return view.families.has(vhdx::Severity::damage) ? ExitCode::failed : ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_family
