// What stands behind a File that is one descriptor of the system: enough for a queue to hand requests to the
// system itself, past File::read and File::write, and to share with the file what both must know of flushing.
//
//   Chain ─► CountedFile ─► PosixFile ─┐
//                │ FileTally           ├─ SystemFile ─► the system
//                └──────── QueueDoor ◄─┘      ▲
//                              └── IoQueue ───┘
//
// Files that are more than their descriptor (in memory, with a replayed log over it, made to fail by a test)
// have no door: a queue calls their read and write.
#pragma once

#include <atomic>
#include <cstdint>

namespace vhdlab {

// Belongs to the file and lives as long as it.
struct SystemFile {
  int descriptor = -1;
  bool is_writable = false;

  // What O_DIRECT demands of requests; 1 where they may have any shape.
  uint64_t offset_alignment_bytes = 1;  // of offsets and lengths
  uint64_t memory_alignment_bytes = 1;  // of buffer addresses

  // Since the last flush, by a resize: for a size set without data only fsync promises durability, not
  // fdatasync.
  std::atomic<bool> size_changed = false;

  // After a failed fsync the kernel forgets which pages were lost and the next fsync succeeds: so a failure
  // is kept.
  std::atomic<bool> flush_failed = false;
};

class FileTally;

// The way past a File. Whoever uses it counts in `tally`, where there is one, what the File would have
// counted.
struct QueueDoor {
  SystemFile* system = nullptr;
  FileTally* tally = nullptr;
};

}  // namespace vhdlab
