// Binds the sections that say what a point's steps work on: `disk`, how its files are read and written
// (`io`), and the device of a simulation (`sim`).
#pragma once

#include <string>

#include "scenarios/language/scenario.h"
#include "scenarios/language/settings.h"

namespace vhdlab::scenarios {

struct BoundDisk {
  DiskSettings settings;
  bool is_size_known = false;  // false: the size was reported, and what would only follow from it is not
};

struct BoundIo {
  IoKind kind = IoKind::psync;
  LookupSettings lookup;
  bool direct = false;  // of measured steps that do not say
};

// Each takes its section of `root` (a mapping). What is absent or was reported is left at its default.
[[nodiscard]] BoundDisk bind_disk(const Node& root, Judge& judge);
[[nodiscard]] BoundIo bind_io(const Node& root, Judge& judge);

// A profile's path written in the file counts from `folder`.
[[nodiscard]] SimSettings bind_sim(const Node& root, Judge& judge, const std::string& folder);

}  // namespace vhdlab::scenarios
