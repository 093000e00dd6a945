// The merge of a disk at rest; the order that keeps it safe is in merge_run.h.
#include "engine/merge/merge_run.h"

#include <memory>
#include <set>

#include "engine/chain/chain_open.h"
#include "engine/io/paths.h"
#include "engine/merge/merge_work.h"

namespace vhdlab {
namespace {

// Whether nobody wrote to a file between two looks at its header: who begins to, says so there first (2.2.2),
// and takes the log's name out again when it is done.
bool is_at_rest_since(const vhdx::Header& seen, const vhdx::Header& now) {
  return seen.log_guid.is_zero() && seen.sequence_number == now.sequence_number;
}

}  // namespace

Result<std::vector<std::string>> find_other_children(FileSystem& files, LayerSpan layers, MergeRange range,
                                                     RandomSource& random) {
  std::set<FileIdentity> own;
  std::set<std::string> folders;
  for (const auto& layer : layers) {
    own.insert(TRY(files.identity(layer->path())));
    folders.insert(absolute_folder_of(layer->path()));
  }
  std::vector<std::string> parents;
  for (LayerIndex layer = range.target; layer <= range.top; ++layer)
    parents.push_back(layers[layer]->path());
  std::vector<std::string> others;
  for (const std::string& folder : folders) {
    for (const std::string& path : TRY(find_children(files, folder, parents, random))) {
      if (!own.contains(TRY(files.identity(path)))) others.push_back(path);
    }
  }
  return others;
}

Result<MergeOutcome> merge(FileSystem& files, const std::string& leaf_path, MergeRange range,
                           const MergeOptions& options, RandomSource& random) {
  const auto interrupted = TRY(finish_interrupted_merge(files, leaf_path, random));
  if (interrupted && interrupted->range.target == range.target && interrupted->range.top == range.top)
    return interrupted->outcome;
  if (!files.exists(leaf_path)) {
    return failure(ErrorKind::not_found, "merge-leaf-gone", leaf_path + ": there is no such file",
                   "a merge of the leaf ends with the disk in its parent's file: open that instead");
  }
  const ChainOpenOptions read_only{.cache = options.cache,
                                   .ignore_id_mismatch = options.ignore_id_mismatch,
                                   .metadata_cache_bytes = tables_of_one_pass_bytes};
  Chain chain = TRY(open_chain(files, leaf_path, read_only, random));
  TRY(check_merge_range(chain, range));
  std::unique_ptr<VhdxLayer> held_leaf;
  if (range.top == chain.depth()) {
    // Whoever wrote to the leaf is done by now, and nobody begins to until it is gone.
    held_leaf = TRY(open_vhdx(files, leaf_path, OpenMode::read_write, options.cache, random,
                              vhdx::WriteIntent::same_content));
    const vhdx::Header& seen = dynamic_cast<VhdxLayer&>(chain.leaf()).image().header();
    if (!is_at_rest_since(seen, held_leaf->image().header()))
      chain = TRY(open_chain(files, leaf_path, read_only, random));
  }
  MergeWork work{.files = files,
                 .random = random,
                 .options = options,
                 .range = range,
                 .layers = chain.layers(),
                 .leaf = chain.leaf().path(),
                 .held_leaf = std::move(held_leaf)};
  std::unique_ptr<VhdxLayer> child;  // held all the time: nobody may write to what stands on the top
  if (range.top < chain.depth()) {
    work.child = work.path_of(range.top + 1);
    child = TRY(open_to_change(work, range.top + 1));
  }
  TRY(fill_target(work, chain, false));
  if (child != nullptr) TRY(repoint_child(work, *child));
  if (!options.keep_sources) TRY(remove_sources(files, work.source_paths(), work.outcome));
  TRY(remove_merge_record(files, leaf_path));
  return std::move(work.outcome);
}

}  // namespace vhdlab
