// Compacting in two openings: the first takes zeros out of the blocks, the second, which sees the gaps this
// left, packs the file. See compact_disk.h.
#include "engine/chain/compact_disk.h"

#include <algorithm>

#include "engine/chain/chain_open.h"

namespace vhdlab {
namespace {

// Zeros shorter than this stay: a hole costs the file system an extent.
constexpr uint64_t grain_bytes = 64 * kib;

Result<std::unique_ptr<VhdxLayer>> open_to_change(FileSystem& files, const std::string& path,
                                                  RandomSource& random) {
  return open_vhdx(files, path, OpenMode::read_write, CacheMode::buffered, random,
                   vhdx::WriteIntent::same_content,
                   std::make_shared<MetadataCache>(tables_of_one_pass_bytes));
}

std::unexpected<Error> interrupted(const std::string& path) {
  return failure(ErrorKind::interrupted, "compact-interrupted",
                 path + ": compacting stopped on request; the disk is whole", "run it again to go on");
}

// Punches the zero grains of one run of data out of the file. True where all of it was zeros.
Result<bool> punch_zeros(File& file, const Extent& extent, AlignedBuffer& buffer) {
  bool nothing_but_zeros = true;
  for (uint64_t done = 0; done < extent.length; done += grain_bytes) {
    const ByteRange grain{extent.file_offset + done, std::min(grain_bytes, extent.length - done)};
    const auto data = TRY(file.next_data(grain.offset));
    if (!data || data->offset >= grain.end()) continue;  // a hole already
    const MutableBytes bytes = buffer.bytes().first(grain.length);
    TRY(file.read(grain.offset, bytes));
    if (!all_zero(bytes)) {
      nothing_but_zeros = false;
    } else if (grain.length == grain_bytes) {
      TRY(file.punch_hole(grain));
    }
  }
  return nothing_but_zeros;
}

Result<void> take_zeros_out(VhdxLayer& layer, const ProgressCallback& progress, const StopRequested& stop,
                            CompactOutcome& outcome) {
  const uint64_t disk_size = layer.disk_size_bytes();
  const uint64_t block_size = layer.image().metadata().block_size_bytes;
  std::vector<Extent> extents;
  WritePlan plan;
  AlignedBuffer buffer(grain_bytes);
  for (uint64_t block = 0; block < disk_size; block += block_size) {
    if (stop && stop()) return interrupted(layer.path());
    const ByteRange range{block, std::min(block_size, disk_size - block)};
    extents.clear();
    TRY(layer.resolve(range, extents));
    bool whole_block_is_zeros = true;
    for (const Extent& extent : extents) {
      const bool zeros = extent.kind == ExtentKind::data && TRY(punch_zeros(layer.file(), extent, buffer));
      whole_block_is_zeros = whole_block_is_zeros && zeros;
    }
    if (whole_block_is_zeros) {
      if (layer.flush_is_due()) TRY(layer.flush());
      TRY(layer.plan_zero(range, plan));
      TRY(carry_out(layer, plan, range.offset, {}));
      ++outcome.blocks_zeroed;
    }
    if (progress) progress(range.end(), disk_size);
  }
  return {};
}

}  // namespace

Result<CompactOutcome> compact_disk(FileSystem& files, const std::string& path, RandomSource& random,
                                    const ProgressCallback& progress, const StopRequested& stop) {
  CompactOutcome outcome;
  {
    const auto layer = TRY(open_to_change(files, path, random));
    if (layer->image().metadata().leave_blocks_allocated) {
      return failure(ErrorKind::invalid_argument, "compact-fixed",
                     path + ": a fixed disk keeps all its space",
                     "'vhdlab disk convert' copies it into a dynamic one");
    }
    outcome.file_size_before_bytes = TRY(layer->file().size_bytes());
    outcome.allocated_before_bytes = TRY(layer->file().allocated_bytes());
    TRY(take_zeros_out(*layer, progress, stop, outcome));
    TRY(layer->close());
  }
  const auto layer = TRY(open_to_change(files, path, random));
  outcome.blocks_moved = TRY(layer->image().pack(stop));
  TRY(layer->image().close_and_truncate());
  if (stop && stop()) return interrupted(path);
  outcome.file_size_after_bytes = TRY(layer->file().size_bytes());
  outcome.allocated_after_bytes = TRY(layer->file().allocated_bytes());
  return outcome;
}

}  // namespace vhdlab
