// One thing wrong with a scenario file: where, what, and what to do. Rendered as compilers do, so that
// editors can jump:
//
//   slow.yaml:12:31: error: unknown key 'que_depth' in 'read'
//     - read: { name: reads, que_depth: 16 }
//                            ^
//     hint: did you mean 'queue_depth'?
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace vhdlab::scenarios {

struct Finding {
  std::string file;         // as given, or "--set" for a finding in an override
  size_t line = 0;          // from 1
  size_t column = 0;        // from 1, counted in characters
  std::string message;      // no trailing full stop
  std::string hint;         // may be empty
  std::string source_line;  // the line itself; may be empty

  // Three or four lines without a final newline: the sentence, the source line, the caret, the hint. The
  // caret stands under the column with tabs and wide characters taken into account; a very long line is cut
  // around it.
  [[nodiscard]] std::string text() const;
};

using Findings = std::vector<Finding>;

}  // namespace vhdlab::scenarios
