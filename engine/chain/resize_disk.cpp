// Resizing; see resize_disk.h.
#include "engine/chain/resize_disk.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/base/units.h"
#include "engine/chain/chain_open.h"
#include "engine/io/paths.h"

namespace vhdlab {
namespace {

constexpr uint64_t window_bytes = 1 * gib;
constexpr uint64_t piece_bytes = 1 * mib;

// Whether any byte of `range` is not zero, read through the whole chain.
Result<bool> holds_data(const Chain& chain, ByteRange range, const StopRequested& stop) {
  ReadPlan window_plan;
  ReadPlan read_plan;
  AlignedBuffer buffer(piece_bytes);
  for (uint64_t window = range.offset; window < range.end(); window += window_bytes) {
    TRY(chain.resolve({window, std::min(window_bytes, range.end() - window)}, window_plan));
    for (const ReadSegment& segment : window_plan.segments) {
      if (segment.is_zero) continue;
      for (uint64_t done = 0; done < segment.length; done += piece_bytes) {
        if (stop && stop()) {
          return failure(ErrorKind::interrupted, "resize-interrupted",
                         chain.leaf().path() + ": resizing stopped on request; nothing was changed");
        }
        const MutableBytes bytes = buffer.bytes().first(std::min(piece_bytes, segment.length - done));
        TRY(chain.read(segment.virtual_offset + done, bytes, read_plan));
        if (!all_zero(bytes)) return true;
      }
    }
  }
  return false;
}

Result<void> refuse_children(FileSystem& files, const std::string& path, RandomSource& random) {
  const std::string folder = absolute_folder_of(path);
  const auto children = TRY(find_children(files, folder, {path}, random));
  if (children.empty()) return {};
  return failure(ErrorKind::in_use, "disk-has-children",
                 fmt::format("{}: other disks stand on it and would no longer open: {}", path,
                             fmt::join(children, ", ")),
                 "resize the newest disk of the chain instead; --force resizes this one all the same");
}

Result<void> refuse_loss(const Chain& chain, uint64_t disk_size_bytes, const StopRequested& stop) {
  if (disk_size_bytes >= chain.disk_size_bytes()) return {};
  const ByteRange tail{disk_size_bytes, chain.disk_size_bytes() - disk_size_bytes};
  if (!TRY(holds_data(chain, tail, stop))) return {};
  return failure(ErrorKind::in_use, "disk-tail-in-use",
                 fmt::format("{}: there is data between {} and its end at {}", chain.leaf().path(),
                             format_size(disk_size_bytes), format_size(chain.disk_size_bytes())),
                 "shrink the partitions and file systems on it first; --force cuts the data off");
}

}  // namespace

Result<void> resize_disk(FileSystem& files, const std::string& path, uint64_t disk_size_bytes,
                         const ResizeOptions& options, RandomSource& random) {
  {
    const Chain chain =
        TRY(open_chain(files, path, {.metadata_cache_bytes = tables_of_one_pass_bytes}, random));
    if (!options.force) {
      TRY(refuse_children(files, path, random));
      TRY(refuse_loss(chain, disk_size_bytes, options.stop));
    }
  }
  const auto layer = TRY(open_vhdx(files, path, OpenMode::read_write, CacheMode::buffered, random));
  if (layer->image().metadata().leave_blocks_allocated) {
    return failure(ErrorKind::unsupported, "vhdx-fixed-resize",
                   path + ": a fixed disk cannot be resized in place",
                   "'vhdlab disk convert' copies it into a dynamic disk, which can");
  }
  TRY(layer->image().set_disk_size(disk_size_bytes));
  return layer->close();
}

}  // namespace vhdlab
