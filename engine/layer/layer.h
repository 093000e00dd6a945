// One file of a chain, whatever its format: a base, or a differencing disk that stands on the file below it.
// A layer answers where bytes are and where new ones go; the chain asks the layers in turn and moves the
// bytes.
//
// Implementations: vhdx_layer, raw_layer, extent_layer. All pass tests/conformance/layer_conformance.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/format/block_probe.h"
#include "engine/format/extent.h"
#include "engine/format/table_use.h"
#include "engine/format/write_plan.h"
#include "engine/io/file.h"

namespace vhdlab {

// Thread-safe but for close(). Ranges lie inside the disk; writes are whole logical sectors.
class Layer {
 public:
  virtual ~Layer() = default;

  [[nodiscard]] virtual const std::string& path() const = 0;
  [[nodiscard]] virtual File& file() = 0;
  [[nodiscard]] virtual uint64_t disk_size_bytes() const = 0;
  [[nodiscard]] virtual uint32_t sector_size_bytes() const = 0;  // logical

  // Appends extents that cover `range` in order (see engine/format/extent.h), and adds to `tables` what it
  // took to find them.
  [[nodiscard]] virtual Result<void> resolve(ByteRange range, std::vector<Extent>& extents,
                                             TableUse& tables) = 0;

  // Where this layer may hold something next: [offset, answer) is absent as a whole, and finding out cost far
  // less than resolving it. `offset` itself where something is there or nothing is known, the disk's size
  // where nothing follows. Lets a merge pass over the holes of a large disk.
  [[nodiscard]] virtual Result<uint64_t> absent_until(uint64_t offset) { return offset; }

  // resolve() where nobody asks what it took.
  [[nodiscard]] Result<void> resolve(ByteRange range, std::vector<Extent>& extents) {
    TableUse unasked;
    return resolve(range, extents, unasked);
  }

  // What tells quickly that the layer says nothing about a block; one that never knows, where there is no
  // such thing.
  [[nodiscard]] virtual BlockProbe block_probe() const { return {}; }

  // A published change may alter what resolve says about the whole grain it falls into: a first write makes
  // data of all of a block. By default the largest block of any format.
  [[nodiscard]] virtual uint64_t change_grain_bytes() const { return 256 * mib; }

  // The stages of a write; see engine/format/write_plan.h. The plan is replaced, its memory reused.
  [[nodiscard]] virtual Result<void> plan_write(ByteRange range, WritePlan& plan) = 0;
  [[nodiscard]] virtual Result<void> plan_zero(ByteRange range, WritePlan& plan) = 0;
  [[nodiscard]] virtual Result<void> plan_trim(ByteRange range, WritePlan& plan) = 0;
  [[nodiscard]] virtual Result<void> publish(const WritePlan& plan) = 0;
  [[nodiscard]] virtual bool flush_is_due() = 0;
  [[nodiscard]] virtual Result<void> flush() = 0;

  // Flushes and leaves the file marked as cleanly closed. Without it the layer is left as by a power cut.
  [[nodiscard]] virtual Result<void> close() = 0;

  // Table pages read from the file so far: the cost of metadata that was not in memory.
  [[nodiscard]] virtual uint64_t metadata_pages_loaded() const = 0;
};

// Carries out one planned write on `layer`: zeros and data to their places, then publish. `data` holds the
// guest bytes from `virtual_offset` on; it is empty for a plan made by plan_zero.
[[nodiscard]] Result<void> carry_out(Layer& layer, const WritePlan& plan, uint64_t virtual_offset,
                                     Bytes data);

}  // namespace vhdlab
