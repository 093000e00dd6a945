// Reads of plain files with nothing between the loop and the system: the place
// of a read is known, or stands in a table made beforehand. What remains is
// what files, the kernel and the device cost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/peers/peer.h"
#include "engine/io/file_descriptor.h"

namespace vhdlab::peers {

// Where a request of the disk stands.
struct Place {
  uint32_t file = 0;
  uint64_t offset = 0;
};

// Open files, and the place of every request.
struct PlainFiles {
  std::vector<std::string> paths;
  std::vector<FileDescriptor> descriptors;
  // One for each request_bytes of the disk; empty: in the only file, as on the disk.
  std::vector<Place> table;
  uint64_t request_bytes = 0;

  [[nodiscard]] Place place_of(uint64_t disk_offset) const {
    return table.empty() ? Place{0, disk_offset} : table[disk_offset / request_bytes];
  }
};

// Opens the files for reading; as direct I/O where the work says so.
[[nodiscard]] Result<PlainFiles> open_plain_files(std::vector<std::string> paths, const ReadWork& work);

// Reads a second, by the work's kind of I/O and order, over a disk of `disk_bytes`. Mappings are populated
// before the clock starts.
[[nodiscard]] Result<double> read_plain_files(const PlainFiles& files, const ReadWork& work,
                                              uint64_t disk_bytes, uint64_t seed);

}  // namespace vhdlab::peers
