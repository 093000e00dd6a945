// vhdlab disk merge: takes layers out of a chain by moving what they hold into the one below them.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/chain_open.h"
#include "engine/merge/merge_plan.h"
#include "engine/merge/merge_run.h"
#include "engine/merge/merge_time.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/progress_line.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios::disk_merge {
namespace {

struct MergePlan {
  MergeRange range;
  std::vector<std::string> paths;  // of the chain's layers, base first
  MergeEstimate estimate;
  std::vector<std::string> other_children;  // disks the merge is refused for, unless forced
  std::optional<double> duration_s;         // at the rate asked about; nothing where none was
  uint64_t space_free_bytes = 0;
};

// The layer of the chain that is the file at `path`, whatever path leads to it.
Result<LayerIndex> layer_at(const CommandContext& context, const Chain& chain, const std::string& option,
                            const std::string& path) {
  const FileIdentity wanted = TRY(context.files.identity(path));
  for (LayerIndex layer = 0; layer <= chain.depth(); ++layer) {
    if (TRY(context.files.identity(chain.layers()[layer]->path())) == wanted) return layer;
  }
  return usage_failure("merge-range",
                       fmt::format("{}: {} is not a layer of {}", option, path, chain.leaf().path()),
                       fmt::format("'vhdlab disk chain {}' lists the layers", chain.leaf().path()));
}

// How far to merge, as the command line says it; at most one of `into` and `layers` is set, neither for
// --all.
struct Request {
  std::optional<std::string> top;
  std::optional<std::string> into;
  std::optional<uint64_t> layers;
};

Result<Request> read_request(const Arguments& arguments) {
  if (arguments.has("into") + arguments.has("layers") + arguments.has("all") > 1) {
    return usage_failure("usage-option", "--into, --layers and --all exclude each other",
                         "each says in its own way how far down to merge");
  }
  Request request{.top = arguments.text("top"),
                  .into = arguments.text("into"),
                  .layers = TRY(arguments.number("layers"))};
  if (!request.into && !request.layers && !arguments.has("all")) request.layers = 1;
  return request;
}

Result<MergeRange> choose_range(const CommandContext& context, const Chain& chain, const Request& request) {
  if (chain.depth() == 0) {
    return usage_failure("merge-range", fmt::format("{}: has no parent to merge into", chain.leaf().path()));
  }
  MergeRange range{.target = 0, .top = chain.depth()};
  if (request.top) range.top = TRY(layer_at(context, chain, "--top", *request.top));
  if (range.top == 0) {
    return usage_failure("merge-range", "--top: the base has no parent to merge into");
  }
  if (request.into) {
    range.target = TRY(layer_at(context, chain, "--into", *request.into));
    if (range.target >= range.top) {
      return usage_failure("merge-range",
                           fmt::format("--into: {} is not below the layers to merge", *request.into));
    }
  } else if (request.layers) {
    if (*request.layers == 0 || *request.layers > range.top) {
      return usage_failure("merge-range", fmt::format("--layers: {} asked for, {} stand above the base",
                                                      *request.layers, range.top));
    }
    range.target = range.top - static_cast<LayerIndex>(*request.layers);
  }
  return range;
}

Result<MergePlan> plan_merge(const CommandContext& context, const Arguments& arguments,
                             const Request& request) {
  const ChainOpenOptions options{.ignore_id_mismatch = arguments.has("ignore-id-mismatch"),
                                 .metadata_cache_bytes = tables_of_one_pass_bytes};
  const Chain chain = TRY(open_chain(context.files, arguments.positional(0), options, context.random));
  MergePlan plan;
  plan.range = TRY(choose_range(context, chain, request));
  for (const auto& layer : chain.layers())
    plan.paths.push_back(layer->path());
  plan.estimate = TRY(estimate_merge(chain, plan.range));
  plan.other_children = TRY(find_other_children(context.files, chain.layers(), plan.range, context.random));
  if (const auto rate = TRY(arguments.rate_bytes_per_s("rate"))) {
    plan.duration_s =
        seconds_to_merge(plan.estimate.bytes_to_copy, {.copy_bytes_per_s = static_cast<double>(*rate)});
  }
  const auto folder = std::filesystem::path(plan.paths[plan.range.target]).parent_path().string();
  plan.space_free_bytes = TRY(context.free_space_bytes(folder));
  return plan;
}

Result<void> require_space(const MergePlan& plan) {
  if (plan.estimate.space_needed_bytes <= plan.space_free_bytes) return {};
  return failure(
      ErrorKind::no_space, "merge-no-space",
      fmt::format("{}: the merge needs {} on its device, {} are free", plan.paths[plan.range.target],
                  format_size(plan.estimate.space_needed_bytes), format_size(plan.space_free_bytes)),
      "free some space; nothing was changed");
}

void print_plan(const CommandContext& context, const MergePlan& plan, OutputFormat format) {
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["target_path"] = plan.paths[plan.range.target];
    document["top_path"] = plan.paths[plan.range.top];
    document["merged_layer_count"] = plan.range.source_count();
    document["copy_bytes"] = plan.estimate.bytes_to_copy;
    document["zero_bytes"] = plan.estimate.bytes_to_zero;
    document["space_needed_bytes"] = plan.estimate.space_needed_bytes;
    document["space_free_bytes"] = plan.space_free_bytes;
    document["duration_s"] = nullptr;
    if (plan.duration_s) document["duration_s"] = *plan.duration_s;
    document["other_children"] = plan.other_children;
    document["layers"] = nlohmann::ordered_json::array();
    for (LayerIndex layer = plan.range.top; layer > plan.range.target; --layer) {
      document["layers"].push_back({{"index", layer},
                                    {"path", plan.paths[layer]},
                                    {"copy_bytes", plan.estimate.bytes_from_layer[layer]}});
    }
    context.out << json_text(document);
    return;
  }
  std::vector<TextRow> rows;
  for (LayerIndex layer = plan.range.top; layer > plan.range.target; --layer) {
    rows.push_back(
        {std::to_string(layer), format_size(plan.estimate.bytes_from_layer[layer]), plan.paths[layer]});
  }
  print_table(context.out, {{"layer", true}, {"to move", true}, {"file"}}, rows);
  context.out << "\n";
  std::vector<std::pair<std::string, std::string>> facts = {
      {"into", fmt::format("layer {}, {}", plan.range.target, plan.paths[plan.range.target])},
      {"bytes to copy", format_size(plan.estimate.bytes_to_copy)},
      {"bytes to zero", format_size(plan.estimate.bytes_to_zero)},
      {"space needed", fmt::format("{} at most, {} free", format_size(plan.estimate.space_needed_bytes),
                                   format_size(plan.space_free_bytes))}};
  if (plan.duration_s) {
    facts.emplace_back("time", format_duration(Nanoseconds(static_cast<int64_t>(*plan.duration_s * 1e9))));
  }
  for (const std::string& path : plan.other_children)
    facts.emplace_back("refused for", printable(path) + ", which stands on a layer to merge");
  print_facts(context.out, facts);
}

void print_outcome(const CommandContext& context, const MergeOutcome& outcome, OutputFormat format) {
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["was_interrupted"] = outcome.was_interrupted;
    document["target_path"] = outcome.target_path;
    document["child_path"] = nullptr;
    if (!outcome.child_path.empty()) document["child_path"] = outcome.child_path;
    document["merged_layer_count"] = outcome.layers_merged;
    document["copied_bytes"] = outcome.bytes_copied;
    document["zeroed_bytes"] = outcome.bytes_zeroed;
    document["shared_bytes"] = outcome.bytes_shared;
    document["moved_before_bytes"] = outcome.bytes_moved_before;
    document["removed_paths"] = outcome.removed_paths;
    context.out << json_text(document);
    return;
  }
  const std::string_view layers = outcome.layers_merged == 1 ? "layer" : "layers";
  if (outcome.was_interrupted) {
    context.out << fmt::format("finished a merge of {} {} into {} that was interrupted\n",
                               outcome.layers_merged, layers, printable(outcome.target_path));
  } else {
    context.out << fmt::format("merged {} {} into {}: {} copied, {} zeroed\n", outcome.layers_merged, layers,
                               printable(outcome.target_path), format_size(outcome.bytes_copied),
                               format_size(outcome.bytes_zeroed));
  }
  if (outcome.bytes_moved_before > 0) {
    context.out << fmt::format("went on where an earlier run had stopped, behind {} moved by then\n",
                               format_size(outcome.bytes_moved_before));
  }
  if (outcome.bytes_shared > 0) {
    context.out << fmt::format("of what was copied, the file system shares {} instead\n",
                               format_size(outcome.bytes_shared));
  }
  for (const std::string& path : outcome.removed_paths)
    context.out << fmt::format("removed {}\n", printable(path));
  context.out << (outcome.child_path.empty()
                      ? fmt::format("the disk is now {}\n", printable(outcome.target_path))
                      : fmt::format("{} now stands on it\n", printable(outcome.child_path)));
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"LEAF"}},
      .options =
          {
              {"into", "PATH",
               "merge down into this layer; by default the parent of the topmost merged layer"},
              {"layers", "N", "merge this many layers into the one below them"},
              {"all", "", "merge every layer into the base"},
              {"top", "PATH", "the topmost layer to merge; by default the leaf"},
              {"dry-run", "", "only show what would be moved, how much space it takes and what forbids it"},
              {"rate", "SIZE", "with --dry-run, tell how long it takes at this much a second"},
              {"rate-limit", "SIZE", "copy at most this much a second"},
              {"keep", "", "leave the merged files behind; they are no longer part of the disk"},
              {"force", "", "merge although other disks stand on these layers: they are lost"},
              {"ignore-id-mismatch", "", "accept a parent whose identity does not fit"},
              quiet_option,
              format_option,
          },
      .description =
          "Moves what the layers hold into the layer below them, each byte once, and removes their files. "
          "The disk keeps its content and must not be in use. A merge that was stopped leaves the disk "
          "readable as before; running it again goes on where it stopped.",
      .example =
          "disk merge now.avhdx --dry-run\n"
          "disk merge now.avhdx --all",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const Request request = TRY(read_request(arguments));
  const bool is_dry_run = arguments.has("dry-run");
  if (arguments.has("rate") && !is_dry_run) {
    return usage_failure("usage-option", "--rate: belongs to --dry-run", "--rate-limit bounds a real merge");
  }
  const auto rate_limit = TRY(arguments.rate_bytes_per_s("rate-limit"));
  if (!is_dry_run) {
    // The words were meant for the chain as it was: what they ask for beyond this is the next call's.
    if (const auto finished =
            TRY(finish_interrupted_merge(context.files, arguments.positional(0), context.random))) {
      print_outcome(context, finished->outcome, format);
      return ExitCode::done;
    }
  }
  const MergePlan plan = TRY(plan_merge(context, arguments, request));
  if (is_dry_run) {
    print_plan(context, plan, format);
    return ExitCode::done;
  }
  TRY(require_space(plan));

  const auto progress = make_progress(context, arguments.has("quiet"));
  progress->stage("merging", ProgressUnit::bytes);
  const MergeOptions options{
      .force = arguments.has("force"),
      .keep_sources = arguments.has("keep"),
      .ignore_id_mismatch = arguments.has("ignore-id-mismatch"),
      .rate_limit_bytes_per_s = rate_limit.value_or(0),
      .progress = [&](uint64_t done, uint64_t total) { progress->update(done, total); },
      .stop = context.stop,
  };
  const auto outcome = merge(context.files, arguments.positional(0), plan.range, options, context.random);
  progress->finished();
  if (!outcome) return std::unexpected(outcome.error());
  print_outcome(context, *outcome, format);
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_merge
