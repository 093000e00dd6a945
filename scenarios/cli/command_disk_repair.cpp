// vhdlab disk repair: mends what can be mended without guessing. The plan is shown first, what it changes is
// kept in an undo file, and the result is checked.
#include <algorithm>
#include <chrono>
#include <ostream>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "engine/format/vhdx/check.h"
#include "engine/format/vhdx/repair.h"
#include "scenarios/cli/check_listing.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/text_table.h"

namespace vhdlab::scenarios::disk_repair {
namespace {

using vhdx::CheckReport;
using vhdx::RepairPlan;
using vhdx::Severity;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
}

// "disk.vhdx.repair-20260102T030405Z.undo", with a number where that is taken. The wall clock gives the name
// and nothing else.
std::string undo_path_for(const CommandContext& context, const std::string& path) {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string stem = fmt::format("{}.repair-{:%Y%m%dT%H%M%SZ}", path,
                                       fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
  std::string candidate = stem + ".undo";
  for (int number = 2; context.files.exists(candidate); ++number)
    candidate = fmt::format("{}-{}.undo", stem, number);
  return candidate;
}

void print_plan(std::ostream& out, const RepairPlan& plan) {
  if (!plan.empty()) out << "what will be written:\n";
  size_t number = 0;
  for (const vhdx::RepairStep& step : plan.steps)
    out << fmt::format("  {}. {}\n", ++number, printable(text_of(step)));
  if (plan.left.empty()) return;
  out << "what stays as it is, because mending it would be a guess:\n";
  for (const vhdx::Finding& finding : plan.left)
    out << fmt::format("  {} {}: {}\n", name_of(finding.severity), finding.name, printable(finding.where));
}

// Whether to go on: --yes, or a yes at the terminal.
Result<bool> is_confirmed(const CommandContext& context, const Arguments& arguments,
                          const std::string& question) {
  if (arguments.has("yes")) return true;
  context.out.flush();
  if (context.confirm) return context.confirm(question);
  return usage_failure("repair-not-confirmed", "nobody is there to confirm the repair",
                       "nothing was written: add --yes to carry out the plan above");
}

// Saves what the plan changes beside the image; the path of the undo file.
Result<std::string> keep_undo(const CommandContext& context, const std::string& path, File& file,
                              const RepairPlan& plan) {
  std::string undo_path = undo_path_for(context, path);
  auto undo = TRY(context.files.create(undo_path));
  const auto saved = save_undo(file, plan, *undo);
  undo.reset();
  if (!saved) {
    (void)context.files.remove(undo_path);  // the error that made it useless is the one to tell
    return std::unexpected(saved.error());
  }
  TRY(context.files.sync_folder(folder_of(undo_path)));
  return undo_path;
}

Result<ExitCode> show_result(const CommandContext& context, const std::string& path, File& file) {
  const CheckReport after = TRY(vhdx::check_image(file));
  context.out << "\nchecked again:\n";
  print_report(context.out, path, after);
  return after.has(Severity::damage) ? ExitCode::failed : ExitCode::done;
}

Result<ExitCode> undo(const CommandContext& context, const Arguments& arguments, const std::string& path,
                      const std::string& undo_path) {
  const auto saved = TRY(context.files.open(undo_path, OpenMode::read_only));
  context.out << fmt::format("the bytes kept in {} will be put back into {}\n", printable(undo_path),
                             printable(path));
  if (arguments.has("dry-run")) return ExitCode::done;
  if (!TRY(is_confirmed(context, arguments, "Put them back?"))) return ExitCode::failed;
  const auto file = TRY(context.files.open(path, OpenMode::read_write));
  TRY(vhdx::undo_repair(*file, *saved));
  context.out << fmt::format("{} is as it was before the repair\n", printable(path));
  return ExitCode::done;
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"PATH"}},
      .options =
          {
              {"dry-run", "", "only show what would be written"},
              {"yes", "", "do not ask"},
              {"undo", "FILE", "put back what an earlier repair changed, from the file it left"},
          },
      .description =
          "Mends what can be mended without guessing: a header or region table that is torn while its copy "
          "is whole, a log that was not replayed, a lost end of the file that nobody reads, bits in sector "
          "bitmaps that mark nothing. Every step is shown first, and the bytes it changes are kept in "
          "PATH.repair-TIME.undo. The exit code is 1 where damage stays.",
      .example =
          "disk repair base.vhdx --dry-run\n"
          "disk repair base.vhdx --undo base.vhdx.repair-20260102T030405Z.undo",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const std::string& path = arguments.positional(0);
  if (const auto undo_path = arguments.text("undo")) return undo(context, arguments, path, *undo_path);

  // A dry run must not ask for the right to write, nor keep writers out.
  const OpenMode mode = arguments.has("dry-run") ? OpenMode::read_only : OpenMode::read_write;
  const auto file = TRY(context.files.open(path, mode));
  const CheckReport report = TRY(vhdx::check_image(*file));
  const RepairPlan plan = TRY(plan_repair(*file, report, context.random));
  print_plan(context.out, plan);
  const ExitCode unmended = report.has(Severity::damage) ? ExitCode::failed : ExitCode::done;
  if (plan.empty()) {
    context.out << fmt::format("{}: nothing to mend\n", printable(path));
    return unmended;
  }
  if (arguments.has("dry-run")) return ExitCode::done;
  if (!TRY(is_confirmed(context, arguments, "Write this?"))) {
    context.out << "nothing was written\n";
    return unmended;
  }

  const std::string undo_path = TRY(keep_undo(context, path, *file, plan));
  context.out << fmt::format("kept what changes in {}\n", printable(undo_path));
  if (auto done = carry_out(*file, plan); !done) {
    done.error().hint =
        fmt::format("'vhdlab disk repair {} --undo {}' puts back what was there", path, undo_path);
    return std::unexpected(std::move(done).error());
  }
  return show_result(context, path, *file);
}

}  // namespace vhdlab::scenarios::disk_repair
