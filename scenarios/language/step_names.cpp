// Names of measured steps; see step_names.h.
#include "scenarios/language/step_names.h"

#include <fmt/format.h>

#include "scenarios/language/words.h"

namespace vhdlab::scenarios {

std::string StepNames::bind(Settings& step, const std::string& otherwise) {
  std::string name = otherwise;
  const Node* node = step.find("name");
  if (node != nullptr) {
    if (node->kind != Node::Kind::scalar || !is_plain_name(node->text)) {
      step.judge().unexpected({node, node}, step.name_of("name"),
                              "a name of small letters, digits, '_' and '-' that begins with a letter");
      return name;
    }
    name = node->text;
  }
  if (!names_.insert(name).second)
    step.judge().add(node != nullptr ? *node : step.node(),
                     fmt::format("two measured steps are named {}", in_quotes(name)),
                     "give each its own 'name'");
  return name;
}

}  // namespace vhdlab::scenarios
