// What this build is: version, commit, compiler. Defined in a source that the build writes, anew whenever
// anything was compiled or the commit changed.
#pragma once

#include "scenarios/cli/command.h"

namespace vhdlab::scenarios {

[[nodiscard]] BuildFacts build_facts();

}  // namespace vhdlab::scenarios
