// A chain whose layers decide as VHDX files do and hold no bytes: extents instead of tables, labels instead
// of data, and a ledger of what the disk should read as. What its files are asked for is in the recorder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/chain/chain.h"
#include "engine/merge/merge_plan.h"
#include "scenarios/language/scenario.h"
#include "scenarios/targets/request_recorder.h"

namespace vhdlab::scenarios {

struct Generation {
  uint32_t number = 0;
  [[nodiscard]] Generation advanced(uint64_t) const { return *this; }
  friend bool operator==(const Generation&, const Generation&) = default;
};

using DiskLedger = ExtentMap<Generation>;  // which step wrote each byte of the disk last

// One thread. Chains and layers that are opened do not outlive it.
class SimChain {
 public:
  // Only an empty base is there afterwards.
  void begin(const DiskSettings& disk);
  void clear();

  [[nodiscard]] uint64_t disk_size_bytes() const { return disk_.size_bytes; }
  [[nodiscard]] RequestRecorder& recorder() { return recorder_; }
  [[nodiscard]] std::vector<std::unique_ptr<LayerFile>>& files() { return files_; }  // base first
  [[nodiscard]] DiskLedger& ledger() { return ledger_; }

  // A file of the next number; the caller keeps it. Without tables: one that holds no guest data.
  std::unique_ptr<LayerFile> make_layer(const std::string& file_name, bool has_parent);
  std::unique_ptr<LayerFile> make_small_file(const std::string& file_name);
  // Puts an empty layer on top, with the next name of a checkpoint's file.
  LayerFile& add_checkpoint();

  // `growth_bytes_max` is what others may let the file grow by while it is open here.
  std::unique_ptr<ExtentLayer> open_layer(LayerFile& file, OpenMode mode, TableMemory& memory,
                                          uint64_t growth_bytes_max = 0);
  // The chain as it is opened for a step: its tables are not in memory. `growing` is the layer that a merge
  // writes to meanwhile.
  Chain open(OpenMode leaf_mode, TableMemory& memory, ResolveMode resolve = ResolveMode::walk,
             std::optional<LayerIndex> growing = {});

  // What a merge comes to; nobody is asked for it.
  Result<uint64_t> bytes_to_merge(MergeRange range);

  // Of the step that writes from now on.
  void begin_generation() { ++generation_; }
  // At least so many bytes that nobody looks at; the same ones each time.
  MutableBytes scratch(uint64_t bytes);
  Result<void> write(Chain& chain, ByteRange range, WritePlan& plan);

  [[nodiscard]] std::vector<reports::LayerState> states() const;
  void clear_traffic();

  // Walks the chain as a read would and compares labels where a read would compare bytes: a sector must be
  // the disk's own at this place, as the step that wrote it last left it. Adds to `found`.
  Result<void> verify(uint64_t seed, uint64_t ranges, reports::Verification& found);

 private:
  Result<void> check(ByteRange range, const Chain& chain, ReadPlan& plan, reports::Verification& found);

  DiskSettings disk_;
  RequestRecorder recorder_;
  std::vector<std::unique_ptr<LayerFile>> files_;
  DiskLedger ledger_;
  AlignedBuffer buffer_;
  uint32_t generation_ = 0;
  uint32_t checkpoints_ = 0;
};

}  // namespace vhdlab::scenarios
