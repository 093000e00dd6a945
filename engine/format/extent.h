// Where the bytes of a virtual disk are: the answer of every format, and the only thing a chain needs to know
// about one.
//
// Asked about a range, a layer answers with extents that cover it in order, each of one kind:
//   data    the bytes stand in this layer's file at file_offset
//   zero    the bytes are zeros, whatever older layers hold
//   absent  this layer says nothing: ask its parent (a base never answers absent)
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"

namespace vhdlab {

enum class ExtentKind : uint8_t { data, zero, absent };

struct Extent {
  ExtentKind kind = ExtentKind::absent;
  uint64_t virtual_offset = 0;
  uint64_t length = 0;
  uint64_t file_offset = 0;  // meaningful for data only

  [[nodiscard]] uint64_t virtual_end() const { return virtual_offset + length; }
  friend bool operator==(const Extent&, const Extent&) = default;
};

// Appends `extent`, joined to the last one where the two continue each other. `first` is where the caller's
// own answer begins in `extents`; nothing before it is touched.
inline void append_joined(std::vector<Extent>& extents, size_t first, const Extent& extent) {
  if (extent.length == 0) return;
  if (extents.size() > first) {
    Extent& last = extents.back();
    const bool continues_in_file =
        extent.kind != ExtentKind::data || last.file_offset + last.length == extent.file_offset;
    if (last.kind == extent.kind && last.virtual_end() == extent.virtual_offset && continues_in_file) {
      last.length += extent.length;
      return;
    }
  }
  extents.push_back(extent);
}

}  // namespace vhdlab
