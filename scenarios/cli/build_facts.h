// What this build is: version, commit, compiler. The commit is looked up at every build and compiled into one
// file, which is compiled again only when it changed.
#pragma once

#include "scenarios/cli/command.h"

namespace vhdlab::scenarios {

[[nodiscard]] BuildFacts build_facts();

}  // namespace vhdlab::scenarios
