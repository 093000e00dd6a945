// Lists and reads the files of the checkout for the tidy tests.
#include "tests/tidy/source_tree.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <stdio.h>
#include <sys/wait.h>

#include "tests/support/checkout.h"

namespace vhdlab::tidy {
namespace {

const std::filesystem::path root = tests::checkout_path();

std::vector<std::string> files_on_disk() {
  const std::set<std::string> not_ours = {".git", "build", "results", "node_modules"};
  std::vector<std::string> paths;
  for (auto at = std::filesystem::recursive_directory_iterator(root); at != end(at); ++at) {
    const std::string name = at->path().filename();
    if (at->is_directory() && (not_ours.contains(name) || name.starts_with("build-"))) {
      at.disable_recursion_pending();
    } else if (at->is_regular_file()) {
      paths.push_back(at->path().lexically_relative(root).generic_string());
    }
  }
  return paths;
}

}  // namespace

CommandOutcome run_command(const std::string& command) {
  CommandOutcome outcome;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> piece{};
  while (const size_t count = ::fread(piece.data(), 1, piece.size(), pipe)) {
    outcome.output.append(piece.data(), count);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

std::vector<std::string> files_of_checkout(Include include) {
  // A checkout may belong to another user than the one who tests it; listing its files is safe all the same.
  std::string command = fmt::format("git -c safe.directory='*' -C '{}' ls-files -z --cached", root.string());
  if (include == Include::untracked) command += " --others --exclude-standard";
  const CommandOutcome listed = run_command(command);

  std::vector<std::string> paths;
  if (listed.exit_code == 0 && std::filesystem::exists(root / ".git")) {
    for (auto from = listed.output.begin(); from != listed.output.end();) {
      const auto to = std::find(from, listed.output.end(), '\0');
      paths.emplace_back(from, to);
      from = to == listed.output.end() ? to : std::next(to);
    }
  } else {
    paths = files_on_disk();
  }
  std::ranges::sort(paths);
  return paths;
}

SourceFile source_from_text(std::string path, std::string_view text) {
  SourceFile file{
      .path = std::move(path), .lines = {}, .ends_with_line_feed = text.empty() || text.ends_with('\n')};
  while (!text.empty()) {
    const size_t length = std::min(text.find('\n'), text.size());
    file.lines.emplace_back(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return file;
}

SourceFile read_source(const std::string& path) {
  std::ifstream stream(root / path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  return source_from_text(path, text.find('\0') == std::string::npos ? text : "");
}

bool is_header(std::string_view path) {
  return path.ends_with(".h");
}

bool is_cpp(std::string_view path) {
  return is_header(path) || path.ends_with(".cpp");
}

bool is_cmake(std::string_view path) {
  return path.ends_with("CMakeLists.txt") || path.ends_with(".cmake");
}

std::string listing(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("{}:{}: {}\n", finding.path, finding.line, finding.message);
  }
  return text;
}

}  // namespace vhdlab::tidy
