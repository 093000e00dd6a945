// Families of virtual disks: what the files of a folder tree are to each other. Every file names its parent
// by a path and by an identity; from that alone follow the chains, the branches, and what is wrong.
//
//   base.vhdx                      base: stands on nothing
//   └─ base_A.avhdx                inner
//      ├─ base_B.avhdx             fork: two disks stand on it
//      │  ├─ base_C.avhdx          leaf: nothing here stands on it
//      │  └─ base_D.avhdx          leaf
//
// Pure: made from facts that a scan collected (disk_family_scan.h), touches no file. What can be wrong:
//
//   family-parent-missing     no file at any path the child names                                   damage
//   family-parent-mismatch    there is one, of another identity: another disk, or changed since     damage
//   family-parent-unreadable  there is one, and it cannot be read as a VHDX                         damage
//   family-sector-size        parent and child differ in their logical sectors                      damage
//   family-loop               a file is its own ancestor                                            damage
//   family-identity-twice     two files claim one identity: one is a copy of the other              risk
//   family-unfinished-merge   a merge was interrupted here                                          risk
//   family-log-dirty          the log is not replayed: cut short, or in use at this moment          risk
//   family-two-names          one file stands under several names                                   note
//   family-parent-outside     the parent stands outside the folder that was searched                note
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/guid.h"
#include "engine/format/vhdx/check_findings.h"
#include "engine/format/vhdx/parent_locator.h"
#include "engine/io/file_system.h"

namespace vhdlab {

// Position of a disk in the list of disks it came with.
using DiskIndex = size_t;

// Where a child's locator leads.
struct ParentFacts {
  vhdx::ParentLocator locator;
  std::string path;                 // the file that was found; empty where there is none
  std::optional<DiskIndex> disk;    // that file among the disks; none where missing or unreadable
  std::string problem;              // why it could not be read; empty where it could
  std::vector<std::string> sought;  // every path the locator gives, best first
};

// One VHDX file.
struct DiskFacts {
  std::string path;
  std::vector<std::string> other_names;  // further paths in the tree that lead to this very file
  FileIdentity file;
  Guid identity;         // DataWriteGuid: what children remember
  Guid virtual_disk_id;  // the same along a chain
  uint64_t disk_size_bytes = 0;
  uint32_t block_size_bytes = 0;
  uint32_t sector_size_bytes = 0;  // logical
  uint64_t file_size_bytes = 0;
  uint64_t allocated_bytes = 0;
  int64_t modified_unix_s = 0;  // 0: not known
  bool is_fixed = false;
  bool is_log_dirty = false;
  bool is_outside = false;            // not in the folder searched: a parent that was followed
  bool has_unfinished_merge = false;  // a merge's record stands beside it
  std::optional<ParentFacts> parent;  // set for a differencing disk
};

enum class FamilyFault {
  parent_missing,
  parent_mismatch,
  parent_unreadable,
  sector_size,
  loop,
  identity_twice,
  unfinished_merge,
  log_dirty,
  two_names,
  parent_outside,
};

[[nodiscard]] std::string_view name_of(FamilyFault fault);  // "family-parent-missing"
[[nodiscard]] vhdx::Severity severity_of(FamilyFault fault);

struct FamilyFinding {
  FamilyFault fault = FamilyFault::parent_missing;
  DiskIndex disk = 0;
  std::string message;  // what, where, found and expected
  std::string hint;     // the next step; may be empty
};

enum class DiskRole {
  single,  // stands on nothing, and nothing here stands on it
  base,    // stands on nothing
  inner,   // one disk stands on it
  fork,    // two or more do
  leaf,    // nothing here stands on it
};

[[nodiscard]] std::string_view name_of(DiskRole role);

// What follows for one disk from all of them. A parent of the wrong identity is still the one the path leads
// to: it is drawn as the parent, and the child counts as broken.
struct DiskPlace {
  DiskRole role = DiskRole::single;
  std::optional<DiskIndex> parent;
  std::vector<DiskIndex> children;      // in order of path
  std::vector<DiskIndex> would_lose;    // disks that stop opening when this file goes: itself, all above it
  std::vector<DiskIndex> same_content;  // disks that could stand in for it: of the same identity
  std::vector<DiskIndex> parent_candidates;  // disks of the identity its locator asks for, found elsewhere
  bool opens = false;                        // it and everything below it fits together
};

// The disks that hang together by their parents; orphans of one missing parent are one family.
struct DiskFamily {
  std::vector<DiskIndex> disks;  // parents before children, then in order of path
  std::vector<DiskIndex> roots;  // those that no parent in the list stands under; of a loop, one
};

struct DiskFamilies {
  std::vector<DiskFacts> disks;
  std::vector<DiskPlace> places;  // by disk
  std::vector<DiskFamily> families;
  std::vector<FamilyFinding> findings;  // worst first, then by path

  [[nodiscard]] bool has(vhdx::Severity severity) const;
};

// `disks` in order of path. Takes time and memory in proportion to the disks and to how many stand on each.
[[nodiscard]] DiskFamilies make_families(std::vector<DiskFacts> disks);

}  // namespace vhdlab
