// Where the bytes of files stand on a device: space is handed out in pieces of 64 MiB in the order in which
// files first touch it, as a file system with large extents does, and comes back when a file goes.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "engine/base/error.h"
#include "sim/device/device.h"

namespace vhdlab::sim {

// What one file is asked. A flush has neither offset nor length.
struct FileRequest {
  RequestKind kind = RequestKind::read;
  uint32_t file = 0;
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  friend bool operator==(const FileRequest&, const FileRequest&) = default;
};

class Volume {
 public:
  static constexpr uint64_t piece_bytes = 64 * mib;

  explicit Volume(uint64_t capacity_bytes) : piece_count_(capacity_bytes / piece_bytes) {}

  // Appends the device's requests for one of a file; replaces nothing. Faults: sim-device-full.
  [[nodiscard]] Result<void> place(const FileRequest& request, std::vector<DeviceRequest>& placed);

  void remove(uint32_t file);

 private:
  [[nodiscard]] Result<uint64_t> piece_of(uint32_t file, uint64_t index);

  uint64_t piece_count_;
  uint64_t next_piece_ = 0;
  std::set<uint64_t> returned_;
  std::map<std::pair<uint32_t, uint64_t>, uint64_t> pieces_;  // by file and number within it
};

}  // namespace vhdlab::sim
