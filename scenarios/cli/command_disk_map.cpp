// vhdlab disk map: for every byte of the disk the layer and the place in its file where it stands.
#include <algorithm>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/chain_open.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"

namespace vhdlab::scenarios::disk_map {
namespace {

constexpr uint64_t window_bytes = 1 * gib;  // so that memory stays bounded on any disk

// Walks the disk and gives each run to `take` once, joined across windows. Ends early where the output failed
// or the user asked to stop. Faults: map-interrupted, those of reading tables.
template <typename Take>
Result<void> for_each_run(const CommandContext& context, const Chain& chain, Take take) {
  ReadPlan plan;
  ReadSegment run;
  for (uint64_t window = 0; window < chain.disk_size_bytes() && context.out.good(); window += window_bytes) {
    if (context.stop()) {
      return failure(ErrorKind::interrupted, "map-interrupted",
                     chain.leaf().path() + ": map stopped on request");
    }
    TRY(chain.resolve({window, std::min(window_bytes, chain.disk_size_bytes() - window)}, plan));
    for (const ReadSegment& segment : plan.segments) {
      const bool continues = run.length > 0 && run.is_zero == segment.is_zero && run.layer == segment.layer &&
                             (run.is_zero || run.file_offset + run.length == segment.file_offset);
      if (continues) {
        run.length += segment.length;
        continue;
      }
      if (run.length > 0) take(run);
      run = segment;
    }
  }
  if (run.length > 0) take(run);
  return {};
}

nlohmann::ordered_json layers_as_json(const Chain& chain) {
  auto layers = nlohmann::ordered_json::array();
  for (const auto& layer : chain.layers())
    layers.push_back({{"index", layers.size()}, {"path", layer->path()}});
  return layers;
}

Result<void> print_runs_as_json(const CommandContext& context, const Chain& chain) {
  // One run per line, written as it is found: a large disk has more runs than should be in memory.
  const auto replace = nlohmann::ordered_json::error_handler_t::replace;
  context.out << fmt::format("{{\n  \"disk_size_bytes\": {},\n  \"layers\": {},\n  \"runs\": [",
                             chain.disk_size_bytes(), layers_as_json(chain).dump(-1, ' ', false, replace));
  std::string_view before = "\n    ";
  TRY(for_each_run(context, chain, [&](const ReadSegment& run) {
    nlohmann::ordered_json entry = {{"virtual_offset_bytes", run.virtual_offset},
                                    {"length_bytes", run.length},
                                    {"kind", run.is_zero ? "zero" : "data"}};
    if (!run.is_zero) {
      entry["layer"] = run.layer;
      entry["file_offset_bytes"] = run.file_offset;
    }
    context.out << before << entry.dump();
    before = ",\n    ";
  }));
  context.out << "\n  ]\n}\n";
  return {};
}

Result<void> print_runs_as_table(const CommandContext& context, const Chain& chain) {
  // Fixed widths, for the same reason.
  context.out << fmt::format("{:>18}  {:>12}  {:>5}  {:>18}  {}\n", "virtual offset", "length", "layer",
                             "file offset", "file");
  return for_each_run(context, chain, [&](const ReadSegment& run) {
    const std::string where = fmt::format("{:>#18x}  {:>12}", run.virtual_offset, exact_size(run.length));
    if (run.is_zero) {
      context.out << where << fmt::format("  {:>5}\n", "zero");
    } else {
      context.out << where
                  << fmt::format("  {:>5}  {:>#18x}  {}\n", run.layer, run.file_offset,
                                 printable(chain.layers()[run.layer]->path()));
    }
  });
}

struct Share {
  uint64_t bytes = 0;
  uint64_t runs = 0;
};

Result<void> print_summary(const CommandContext& context, const Chain& chain, OutputFormat format) {
  std::vector<Share> shares(chain.layers().size());
  Share zeros;
  TRY(for_each_run(context, chain, [&](const ReadSegment& run) {
    Share& share = run.is_zero ? zeros : shares[run.layer];
    share.bytes += run.length;
    ++share.runs;
  }));
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["disk_size_bytes"] = chain.disk_size_bytes();
    document["layers"] = layers_as_json(chain);
    for (size_t i = 0; i < shares.size(); ++i) {
      document["layers"][i]["data_bytes"] = shares[i].bytes;
      document["layers"][i]["run_count"] = shares[i].runs;
    }
    document["zero_bytes"] = zeros.bytes;
    document["zero_run_count"] = zeros.runs;
    context.out << json_text(document);
    return {};
  }
  std::vector<TextRow> rows;
  auto add = [&](std::string layer, const Share& share, const std::string& path) {
    const double percent =
        100.0 * static_cast<double>(share.bytes) / static_cast<double>(chain.disk_size_bytes());
    rows.push_back({std::move(layer), format_size(share.bytes), fmt::format("{:.1f} %", percent),
                    format_count(share.runs), path});
  };
  for (size_t i = shares.size(); i-- > 0;)
    add(std::to_string(i), shares[i], chain.layers()[i]->path());
  add("zero", zeros, "");
  print_table(context.out, {{"layer", true}, {"data", true}, {"share", true}, {"runs", true}, {"file"}},
              rows);
  return {};
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"PATH"}},
      .options =
          {
              {"summary", "", "only how much of the disk stands in each layer"},
              {"ignore-id-mismatch", "", "accept a parent whose identity does not fit"},
              format_option,
          },
      .description =
          "Lists the disk as runs of bytes that stand together: from where on, how long, in which layer (0 "
          "is the base) and where in its file. Runs no layer has data for read as zeros.",
      .example = "disk map now.avhdx --summary\ndisk map now.avhdx --format json",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const ChainOpenOptions options{.ignore_id_mismatch = arguments.has("ignore-id-mismatch"),
                                 .metadata_cache_bytes = tables_of_one_pass_bytes};
  const Chain chain = TRY(open_chain(context.files, arguments.positional(0), options, context.random));
  if (arguments.has("summary")) {
    TRY(print_summary(context, chain, format));
  } else {
    TRY(format == OutputFormat::json ? print_runs_as_json(context, chain)
                                     : print_runs_as_table(context, chain));
  }
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_map
