// Collects what a folder tree's VHDX files say about themselves, for disk_family.h. Only reads, and goes on
// behind whatever cannot be read, naming it.
//
// Links: one to a file counts as one more name of it; one to a folder is not followed, so that no tree is
// endless. Parents outside the folder are followed and marked; disks outside that stand on disks inside
// cannot be seen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/chain.h"
#include "engine/chain/copy_disk.h"
#include "engine/chain/disk_family.h"
#include "engine/io/file_system.h"

namespace vhdlab {

struct FamilyScanOptions {
  uint32_t folder_depth_max = 64;     // folders further down are passed over, by name
  uint64_t entries_max = 10'000'000;  // more than so many names are the fault family-too-many
  uint64_t disks_max = 100'000;       // likewise VHDX files
  LayerIndex chain_depth_max = 4096;  // parents outside are followed no further
  StopRequested stop = {};
};

// A name that might hold a disk and could not be read.
struct PassedOver {
  std::string path;
  std::string reason;
};

struct FamilyScan {
  std::vector<DiskFacts> disks;         // in order of path; those outside come after those inside
  std::vector<PassedOver> passed_over;  // unreadable, or named like a disk and none
  uint64_t folders = 0;                 // gone through
  uint64_t other_files = 0;             // that are no VHDX and are not named like one
};

// `folder` itself must be readable. Faults: family-too-many, family-interrupted, those of listing `folder`.
[[nodiscard]] Result<FamilyScan> scan_families(FileSystem& files, const std::string& folder,
                                               const FamilyScanOptions& options, RandomSource& random);

}  // namespace vhdlab
