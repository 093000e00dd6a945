// The only file that includes what the build generates.
#include "scenarios/cli/build_facts.h"

#include "vhdlab_build_facts.h"

namespace vhdlab::scenarios {

BuildFacts build_facts() {
  return {.version = generated::version, .commit = generated::commit, .compiler = generated::compiler};
}

}  // namespace vhdlab::scenarios
