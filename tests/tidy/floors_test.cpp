// Who may know whom. The folders form floors, and knowledge only points down (ARCHITECTURE.md); this reads
// the #include lines of every source and holds them to the table below. A new folder of sources needs a line
// in the table.
#include <algorithm>
#include <array>
#include <optional>
#include <regex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "tests/tidy/source_tree.h"

namespace vhdlab::tidy {
namespace {

struct Part {
  std::string_view folder;
  std::vector<std::string_view> may_include;  // folders, besides its own
};

const std::vector<Part> parts = {
    {"engine/base", {}},
    {"engine/io", {"engine/base"}},
    {"engine/format", {"engine/base", "engine/io"}},
    {"engine/layer", {"engine/base", "engine/io", "engine/format"}},
    {"engine/chain", {"engine/base", "engine/io", "engine/format", "engine/layer"}},
    {"engine/merge", {"engine/base", "engine/io", "engine/format", "engine/layer", "engine/chain"}},
    {"engine/checkpoint",
     {"engine/base", "engine/io", "engine/format", "engine/layer", "engine/chain", "engine/merge"}},
    {"reports", {"engine/base"}},
    {"sim", {"engine"}},
    {"scenarios", {"engine", "reports", "sim"}},
    {"bench", {"engine", "reports", "sim", "scenarios", "tests"}},
    {"tests", {"engine", "reports", "sim", "scenarios", "bench"}},
};

// Libraries with a place of their own. tests/ and bench/ may use any of them.
struct Library {
  std::string_view name;
  std::vector<std::string_view> headers;  // beginnings of what stands between the angle brackets
  std::vector<std::string_view> folders;  // where it may be included; empty for tests and benchmarks only
  bool in_headers;                        // whether a header may include it
};

const std::vector<Library> libraries = {
    {"liburing", {"liburing", "linux/io_uring.h"}, {"engine/io"}, true},
    {"Eigen", {"Eigen/", "unsupported/Eigen/"}, {"sim/plan", "sim/calibration"}, false},
    // json_fwd.hpp only declares names: it costs nothing, and a header may hand a json object on.
    {"the names of nlohmann json", {"nlohmann/json_fwd.hpp"}, {"reports", "sim", "scenarios"}, true},
    {"nlohmann json", {"nlohmann/"}, {"reports", "sim", "scenarios"}, false},
    {"yaml-cpp", {"yaml-cpp/"}, {"scenarios"}, false},
    {"pugixml", {"pugixml.hpp"}, {"scenarios"}, false},
    {"Boost", {"boost/"}, {"scenarios"}, false},
    {"zlib", {"zlib.h"}, {"reports", "scenarios"}, false},
    {"a test or benchmark library",
     {"gtest/", "gmock/", "rapidcheck", "valijson/", "benchmark/", "libvhdi"},
     {},
     false},
};

bool lies_in(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

bool lies_in_any(std::string_view path, std::span<const std::string_view> folders) {
  return std::ranges::any_of(folders, [&](std::string_view folder) { return lies_in(path, folder); });
}

bool may_include_anything(std::string_view path) {
  return lies_in(path, "tests") || lies_in(path, "bench");
}

std::optional<std::string> objection_to_own(std::string_view path, std::string_view included) {
  const auto part = std::ranges::find_if(parts, [&](const Part& each) { return lies_in(path, each.folder); });
  if (part == parts.end()) return "this folder is on no floor: give it a line in tests/tidy/floors_test.cpp";
  if (lies_in(included, part->folder) || lies_in_any(included, part->may_include)) return std::nullopt;
  const bool is_known = std::ranges::any_of(parts, [&](const Part& each) {
    return lies_in(included, each.folder.substr(0, each.folder.find('/')));
  });
  if (!is_known) return fmt::format("\"{}\" must be written from the root of the checkout", included);
  return fmt::format("{} may include [{}], not \"{}\"", part->folder, fmt::join(part->may_include, ", "),
                     included);
}

std::optional<std::string> objection_to_library(std::string_view path, std::string_view included) {
  if (may_include_anything(path)) return std::nullopt;
  for (const Library& library : libraries) {
    const bool matches = std::ranges::any_of(
        library.headers, [&](std::string_view header) { return included.starts_with(header); });
    if (!matches) continue;
    if (!lies_in_any(path, library.folders)) {
      return fmt::format("<{}>: {} may be included in [{}] only", included, library.name,
                         fmt::join(library.folders, ", "));
    }
    if (is_header(path) && !library.in_headers) {
      return fmt::format("<{}>: {} belongs in .cpp files, it is slow to compile", included, library.name);
    }
    return std::nullopt;
  }
  return std::nullopt;
}

std::vector<Finding> floor_findings(const SourceFile& file) {
  static const std::regex include_line(R"re(^\s*#\s*include\s*([<"])([^">]+)[">].*)re");
  std::vector<Finding> findings;
  for (size_t i = 0; i < file.lines.size(); ++i) {
    std::smatch match;
    if (!std::regex_match(file.lines[i], match, include_line)) continue;
    const std::string included = match[2];
    auto objection = objection_to_library(file.path, included);
    if (!objection && match[1] == "\"") objection = objection_to_own(file.path, included);
    if (objection) findings.push_back({file.path, i + 1, *objection});
  }
  return findings;
}

size_t count_findings(std::string path, std::string_view text) {
  return floor_findings(source_from_text(std::move(path), text)).size();
}

TEST(Floors, HoldInEverySource) {
  // Goal: no source knows a floor above its own. Method: every #include line of the checkout against the
  // table.
  std::vector<Finding> findings;
  size_t sources = 0;
  for (const std::string& path : files_of_checkout(Include::untracked)) {
    if (!is_cpp(path)) continue;
    ++sources;
    std::ranges::copy(floor_findings(read_source(path)), std::back_inserter(findings));
  }
  EXPECT_GT(sources, 0U);
  EXPECT_TRUE(findings.empty()) << listing(findings);
}

TEST(Floors, RefuseTheEngineLookingUp) {
  // Goal: each step upward inside the engine, and out of it, is found, with its line. Method: samples.
  const std::array upward = {
      std::pair{"engine/base/a.h", "engine/io/file.h"},
      std::pair{"engine/io/a.h", "engine/format/vhdx/image.h"},
      std::pair{"engine/format/vhdx/a.h", "engine/layer/layer.h"},
      std::pair{"engine/layer/a.cpp", "engine/chain/chain.h"},
      std::pair{"engine/chain/a.cpp", "engine/merge/merge_plan.h"},
      std::pair{"engine/merge/a.cpp", "engine/checkpoint/checkpoint_tree.h"},
      std::pair{"engine/checkpoint/a.cpp", "reports/results/run_record.h"},
      std::pair{"engine/base/a.cpp", "tests/support/a.h"},
  };
  for (const auto& [path, included] : upward) {
    const auto findings =
        floor_findings(source_from_text(path, fmt::format("// A file.\n#include \"{}\"\n", included)));
    ASSERT_EQ(findings.size(), 1U) << path << " including " << included;
    EXPECT_EQ(findings[0].line, 2U);
    // The same step taken downward, where there is one, is allowed.
    if (!std::string_view(included).starts_with("tests/")) {
      EXPECT_EQ(count_findings("scenarios/cli/a.cpp", fmt::format("#include \"{}\"\n", included)), 0U);
    }
  }
  EXPECT_EQ(count_findings("engine/merge/a.cpp", "#include \"engine/base/bytes.h\"\n"), 0U);
}

TEST(Floors, KeepReportsAndTheSimulatorApart) {
  // Goal: reports see engine/base alone, the simulator the engine alone. Method: samples.
  EXPECT_EQ(count_findings("reports/html/a.cpp", "#include \"engine/base/units.h\"\n"), 0U);
  EXPECT_EQ(count_findings("reports/html/a.cpp", "#include \"engine/io/file.h\"\n"), 1U);
  EXPECT_EQ(count_findings("reports/html/a.cpp", "#include \"scenarios/runner/runner.h\"\n"), 1U);
  EXPECT_EQ(count_findings("sim/device/a.cpp", "#include \"engine/merge/merge_plan.h\"\n"), 0U);
  EXPECT_EQ(count_findings("sim/device/a.cpp", "#include \"reports/statistics/summary.h\"\n"), 1U);
}

TEST(Floors, KeepHeavyLibrariesInTheirPlaces) {
  // Goal: liburing, Eigen, json, YAML and Boost stay where they belong and out of headers. Method: samples.
  EXPECT_EQ(count_findings("engine/io/uring_queue.cpp", "#include <liburing.h>\n"), 0U);
  EXPECT_EQ(count_findings("engine/chain/a.cpp", "#include <liburing.h>\n"), 1U);
  EXPECT_EQ(count_findings("sim/plan/a.cpp", "#include <Eigen/Dense>\n"), 0U);
  EXPECT_EQ(count_findings("sim/plan/a.h", "#include <Eigen/Dense>\n"), 1U);
  EXPECT_EQ(count_findings("sim/device/a.cpp", "#include <Eigen/Dense>\n"), 1U);
  EXPECT_EQ(count_findings("reports/results/a.cpp", "#include <nlohmann/json.hpp>\n"), 0U);
  EXPECT_EQ(count_findings("reports/results/a.h", "#include <nlohmann/json.hpp>\n"), 1U);
  EXPECT_EQ(count_findings("reports/results/a.h", "#include <nlohmann/json_fwd.hpp>\n"), 0U);
  EXPECT_EQ(count_findings("engine/base/a.cpp", "#include <nlohmann/json.hpp>\n"), 1U);
  EXPECT_EQ(count_findings("scenarios/language/a.h", "#include <yaml-cpp/yaml.h>\n"), 1U);
  EXPECT_EQ(count_findings("scenarios/cli/a.h", "#  include <boost/program_options.hpp>\n"), 1U);
  EXPECT_EQ(count_findings("scenarios/cli/a.cpp", "#include <gtest/gtest.h>\n"), 1U);
  EXPECT_EQ(count_findings("tests/cli/a.h", "#include <nlohmann/json.hpp>\n#include <gtest/gtest.h>\n"), 0U);
}

TEST(Floors, WantPathsFromTheRootAndAPlaceInTheTable) {
  // Goal: an include that leaves the table no hold is found. Method: a neighbour's bare name; a folder nobody
  // listed.
  EXPECT_EQ(count_findings("engine/base/a.cpp", "#include \"bytes.h\"\n"), 1U);
  EXPECT_EQ(count_findings("engine/base/a.cpp", "#include \"../io/file.h\"\n"), 1U);
  EXPECT_EQ(count_findings("engine/novel/a.cpp", "#include \"engine/base/bytes.h\"\n"), 1U);
  EXPECT_EQ(count_findings("engine/base/a.cpp", "// says #include \"engine/io/file.h\" in words\n"), 0U);
}

}  // namespace
}  // namespace vhdlab::tidy
