// The names of a point's measured steps, by which expectations, --set and results speak of them: each is
// given once.
#pragma once

#include <set>
#include <string>

#include "scenarios/language/settings.h"

namespace vhdlab::scenarios {

class StepNames {
 public:
  // The step's `name`, or `otherwise` where it has none or a faulty one. A name given twice is a finding.
  [[nodiscard]] std::string bind(Settings& step, const std::string& otherwise);

 private:
  std::set<std::string> names_;
};

}  // namespace vhdlab::scenarios
