// Results as text, held against golden files. VHDLAB_UPDATE_GOLDEN=1 writes the files anew: read the
// difference before you commit it.
#include "reports/export/render.h"

#include <sstream>

#include <gtest/gtest.h>

#include "reports/export/record_tables.h"
#include "reports/results/result_file.h"
#include "tests/reports/sample_records.h"
#include "tests/support/golden.h"

namespace vhdlab::reports {
namespace {

void expect_golden(const std::string& name, const std::string& text) {
  tests::expect_golden("tests/reports/golden/" + name, text);
}

TEST(RenderTerminal, ShowsADepthSweepAsInTheGoldenFile) {
  // Goal: the table of the main job. Method: golden file.
  expect_golden("depth.txt", render_terminal(samples::read_degradation(), {.width = 100, .colour = false}));
}

TEST(RenderTerminal, ShowsAMergeSweepAsInTheGoldenFile) {
  // Goal: several variables, one of them a name. Method: golden file.
  expect_golden("merge.txt", render_terminal(samples::merge_cost(), {.width = 120, .colour = false}));
}

TEST(RenderTerminal, ShowsOperationsOnCheckpointsAndDamageAsInTheGoldenFile) {
  // Goal: what each operation costs, and what is lost with each file. Method: golden file.
  expect_golden("machine.txt", render_terminal(samples::machine_history(), {.width = 120, .colour = false}));
}

TEST(RenderTerminal, ShowsLiveMergesAsInTheGoldenFile) {
  // Goal: passes and pauses beside what the workload got done. Method: golden file.
  expect_golden("live-merge.txt", render_terminal(samples::live_merge(), {.width = 120, .colour = false}));
}

TEST(RenderMarkdown, ShowsASinglePointAsInTheGoldenFile) {
  // Goal: the whole page for a small run. Method: golden file.
  expect_golden("single.md", render_markdown(std::vector{samples::single_point()}));
}

TEST(RenderCsv, ShowsASinglePointAsInTheGoldenFile) {
  // Goal: the long form. Method: golden file.
  expect_golden("single.csv", render_csv(std::vector{samples::single_point()}));
}

TEST(RenderTerminal, NeverExceedsTheWidth) {
  // Goal: no broken lines. Method: several widths; every line is measured.
  for (const size_t width : {40, 60, 80, 100}) {
    std::istringstream lines(render_terminal(samples::read_degradation(), {.width = width, .colour = false}));
    for (std::string line; std::getline(lines, line);) {
      const bool prose = line.starts_with("(") || line.starts_with("reads: ") || line.starts_with("met: ");
      if (!prose) {
        EXPECT_LE(line.size(), width) << line;
      }
    }
  }
}

TEST(RenderTerminal, KeepsControlCharactersAwayFromTheTerminal) {
  // Goal: a result from elsewhere cannot drive the terminal. Method: escape codes in every kind of text.
  RunRecord record = samples::read_degradation();
  record.findings = {"\x1b]0;title\x07 clear\x1b[2J \xc2\x9b"};
  record.notes[0].text = "\x1b[31m";
  record.points[0].parameters[0].text = "\x1b[1m0";
  const std::string text = render_terminal(record, {.width = 100, .colour = false});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
  EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
}

TEST(RenderMarkdown, EscapesWhatWouldBeMarkup) {
  // Goal: texts stay texts. Method: pipes, tags, and a fence inside the scenario.
  RunRecord record = samples::single_point();
  record.findings = {"a | b <script> *c*"};
  record.scenario_source = "```\nname: x\n```";
  const std::string text = render_markdown(std::vector{record});
  EXPECT_NE(text.find("a \\| b &lt;script> \\*c\\*"), std::string::npos);
  EXPECT_NE(text.find("````yaml\n```\nname: x\n```\n````"), std::string::npos);
}

TEST(RenderCsv, DisarmsFormulas) {
  // Goal: opening the file runs nothing. Method: a scenario named like a formula, with quotes and commas.
  RunRecord record = samples::single_point();
  record.scenario_name = "=HYPERLINK(\"x\"),1";
  EXPECT_NE(render_csv(std::vector{record}).find("\n\"'=HYPERLINK(\"\"x\"\"),1\",engine,"),
            std::string::npos);
}

TEST(RenderJson, GivesAListForSeveralRuns) {
  // Goal: valid JSON for one and for many. Method: one equals results.json; two form a list.
  const RunRecord record = samples::single_point();
  EXPECT_EQ(render_json(std::vector{record}), result_text(record));
  const std::string two = render_json(std::vector{record, record});
  EXPECT_TRUE(two.starts_with("[\n{"));
  EXPECT_TRUE(two.ends_with("}\n]\n"));
  EXPECT_NE(two.find("},\n{"), std::string::npos);
}

TEST(Tables, HaveRowsAsLongAsTheirColumns) {
  // Goal: renderers may index freely. Method: every table of every sample.
  for (const RunRecord& record : {samples::read_degradation(), samples::merge_cost(), samples::single_point(),
                                  samples::walk_or_index(), samples::machine_history(), RunRecord{}}) {
    std::vector<Table> tables = headline_tables(record);
    for (const Table& table : metric_tables(record))
      tables.push_back(table);
    for (const Table& table :
         {space_table(record), traffic_table(record), environment_table(record), workload_table(record),
          expectation_table(record), numbers_table(std::vector{record})}) {
      tables.push_back(table);
    }
    for (const Table& table : tables) {
      for (const auto& row : table.rows)
        EXPECT_EQ(row.size(), table.columns.size()) << table.title;
    }
  }
}

}  // namespace
}  // namespace vhdlab::reports
