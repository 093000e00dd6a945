// vhdlab disk chain: every file a disk is made of. A broken chain is shown as far as it can be followed, and
// what breaks it is the command's failure.
#include <ostream>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/chain_open.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"

namespace vhdlab::scenarios::disk_chain {
namespace {

// Leaf first, as far down as files can be opened; ends where a file comes up again.
std::vector<DiskSurvey> follow_parents(const CommandContext& context, DiskSurvey leaf) {
  std::vector<DiskSurvey> layers = {std::move(leaf)};
  std::set<FileIdentity> seen;
  for (;;) {
    const auto identity = context.files.identity(layers.back().path);
    if (!identity) return layers;
    seen.insert(*identity);
    if (!layers.back().parent || layers.back().parent->path.empty()) return layers;
    const std::string parent_path = layers.back().parent->path;
    const auto parent_identity = context.files.identity(parent_path);
    if (!parent_identity || seen.contains(*parent_identity)) return layers;
    auto parent = survey_disk(context.files, parent_path, context.random);
    if (!parent) return layers;
    layers.push_back(*std::move(parent));
  }
}

std::string identity_word(const DiskSurvey& layer) {
  if (!layer.parent) return "base";
  if (layer.parent->path.empty()) return "missing";
  return layer.parent->is_identity_right ? "fits" : "wrong";
}

// Layers count from the base, which a broken chain may not reach.
void print_as_table(const CommandContext& context, const std::vector<DiskSurvey>& layers, bool is_whole) {
  std::vector<TextRow> rows;
  for (size_t i = 0; i < layers.size(); ++i) {
    const DiskSurvey& layer = layers[i];
    rows.push_back({is_whole ? std::to_string(layers.size() - 1 - i) : "?", layer.path,
                    std::string(layer.type()), format_size(layer.disk_size_bytes),
                    exact_size(layer.block_size_bytes), format_size(layer.file_size_bytes),
                    format_size(layer.allocated_bytes), fmt::format("{:.1f} %", layer.present_percent()),
                    identity_word(layer)});
  }
  print_table(context.out,
              {{"layer", true},
               {"file"},
               {"type"},
               {"disk", true},
               {"block", true},
               {"file size", true},
               {"allocated", true},
               {"blocks", true},
               {"parent"}},
              rows);
}

void print_as_json(const CommandContext& context, const std::vector<DiskSurvey>& layers,
                   const std::optional<Error>& fault) {
  nlohmann::ordered_json document;
  document["depth_count"] = layers.size() - 1;
  document["ok"] = !fault.has_value();
  document["fault"] = nullptr;
  if (fault) document["fault"] = {{"name", fault->fault}, {"message", fault->message}, {"hint", fault->hint}};
  document["layers"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < layers.size(); ++i) {
    const DiskSurvey& layer = layers[i];
    nlohmann::ordered_json entry = as_json(layer);
    entry["index"] = nullptr;  // counts from the base, which a broken chain may not reach
    if (!fault) entry["index"] = layers.size() - 1 - i;
    entry["blocks_present_percent"] = layer.present_percent();
    document["layers"].push_back(std::move(entry));
  }
  context.out << json_text(document);
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"PATH"}},
      .options = {format_option},
      .description =
          "Lists the files of a disk from the leaf to the base: sizes, the share of blocks that hold data, "
          "and whether the next file is the parent this one was made from. A broken chain is listed as far "
          "as it can be followed; the fault is named and the exit code is 1.",
      .example = "disk chain now.avhdx",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::string& path = arguments.positional(0);
  const auto layers = follow_parents(context, TRY(survey_disk(context.files, path, context.random)));
  const auto chain = open_chain(context.files, path, {}, context.random);
  const std::optional<Error> fault = chain ? std::nullopt : std::optional(chain.error());

  if (format == OutputFormat::json) {
    print_as_json(context, layers, fault);
  } else {
    print_as_table(context, layers, !fault);
  }
  if (fault) return std::unexpected(*fault);
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_chain
