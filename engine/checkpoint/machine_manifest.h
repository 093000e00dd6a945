// A machine: a folder with its virtual disks and one small file that says what they are to each other. That
// file, the manifest, is the commit point: an operation on all disks has happened once the new manifest
// stands in the old one's place, and not a moment before.
//
//   web/
//     machine.vhdlab          the manifest
//     machine.vhdlab.lock     locked by the one command that may change the machine
//     web.vhdx                the base, named by the user
//     web_<GUID>.avhdx        every later file
//
// The manifest is text, one fact a line, closed by a checksum, like the record of a merge: the engine carries
// no JSON, and a person can read it. It is not made to be edited.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/guid.h"
#include "engine/checkpoint/checkpoint_tree.h"
#include "engine/checkpoint/machine_rules.h"
#include "engine/io/file_system.h"

namespace vhdlab {

struct MachineManifest {
  std::string name;
  Guid id;
  HostGeneration host = HostGeneration::windows_2016;
  MachineState state = MachineState::off;
  size_t checkpoints_max = checkpoints_max_default;
  std::vector<std::string> base_names;  // by disk: what the names of its new files begin with
  CheckpointTree tree;                  // paths are names in the machine's folder

  // What an operation that was cut short leaves for the next command to remove, unless the tree knows it:
  std::vector<std::string> making;     // files that were being made before the commit
  std::vector<std::string> removing;   // files nobody needs since the commit
  std::vector<std::string> exporting;  // unfinished copies outside the folder; end in export_suffix

  // A machine without disks is being made or being removed: its files are all in the lists above.
  [[nodiscard]] bool is_gone() const { return tree.disks.empty(); }

  friend bool operator==(const MachineManifest&, const MachineManifest&) = default;
};

inline constexpr std::string_view export_suffix = ".vhdlab-part";

[[nodiscard]] std::string manifest_path(const std::string& folder);
[[nodiscard]] std::string machine_lock_path(const std::string& folder);

// Puts the manifest in place of the one that stands there, or of none: a cut at any moment leaves the old or
// the new one, whole. Durable on return.
[[nodiscard]] Result<void> write_manifest(FileSystem& files, const std::string& folder,
                                          const MachineManifest& manifest);

// Nothing in the file is trusted. Faults: machine-not-found (no manifest in the folder), manifest-checksum
// (cut short or altered), manifest-version (written by a later program), manifest-malformed (a line that
// makes no sense; the message has its number), manifest-path (a name that leads out of the folder),
// checkpoint-tree.
[[nodiscard]] Result<MachineManifest> read_manifest(FileSystem& files, const std::string& folder);

// The two halves that touch no file; `where` begins messages.
[[nodiscard]] std::string manifest_text(const MachineManifest& manifest);
[[nodiscard]] Result<MachineManifest> parse_manifest(std::string_view text, const std::string& where);

}  // namespace vhdlab
