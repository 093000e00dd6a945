// The checkout as the tidy tests see it: which files belong to it, and their lines. A rule is a function from
// one file to findings, so each can be tried on a sample written in the test as well as on the tree.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vhdlab::tidy {

// A text file: its path from the root of the checkout, with '/', and its lines without their line feeds.
struct SourceFile {
  std::string path;
  std::vector<std::string> lines;
  bool ends_with_line_feed = true;
};

// One break of one rule. `line` counts from 1; 0 speaks of the whole file.
struct Finding {
  std::string path;
  size_t line = 0;
  std::string message;
};

// The files git tracks; with `untracked`, also those about to be added (neither tracked nor ignored). Without
// git or outside a repository: every file below the root but for build, result and package folders. Sorted.
enum class Include { tracked, untracked };
[[nodiscard]] std::vector<std::string> files_of_checkout(Include include);

// The file's text, or an empty one where it holds NUL bytes (pictures, disk images) or is gone from the disk.
[[nodiscard]] SourceFile read_source(const std::string& path);

[[nodiscard]] SourceFile source_from_text(std::string path, std::string_view text);

[[nodiscard]] bool is_header(std::string_view path);
[[nodiscard]] bool is_cpp(std::string_view path);  // .h and .cpp
[[nodiscard]] bool is_cmake(std::string_view path);

// One "path:line: message" a line, as compilers print them.
[[nodiscard]] std::string listing(const std::vector<Finding>& findings);

// What a command prints to standard output and error together, and how it ended.
struct CommandOutcome {
  int exit_code = -1;
  std::string output;
};
[[nodiscard]] CommandOutcome run_command(const std::string& command);

}  // namespace vhdlab::tidy
