// The history of figures: lines both ways, lines that lie, and how the page draws them.
// VHDLAB_UPDATE_GOLDEN=1 writes the golden chart anew.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "reports/charts/history_charts.h"
#include "reports/history/figure_history.h"
#include "reports/history/history_table.h"
#include "reports/html/history_page.h"
#include "tests/support/checkout.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::reports {
namespace {

using nlohmann::json;

HistoryFigure sample_figure() {
  return {.figure = "cached-depth-mapped",
          .what = "cached random reads, depth 1000 / depth 1 <mapped>",
          .unit = "1",
          .median = 0.97,
          .low = 0.95,
          .high = 0.98,
          .repeats = 5,
          .reach = 0.95,
          .seed = 42,
          .commit = "1a2b3c4d5e6f708192a3b4c5d6e7f80910111213",
          .date = "2026-03-01T12:34:56Z",
          .machine = {"Some CPU", 2, "Linux 6.1.0", "ext4"},
          .notes = {"resident 100 %"}};
}

// Two figures over two commits on two machines, one commit measured twice.
std::vector<HistoryFigure> sample_history() {
  std::vector<HistoryFigure> lines(5, sample_figure());
  lines[1].median = lines[1].low = 0.90;
  lines[1].commit = "2222222222222222222222222222222222222222+changes";
  lines[2].machine.cores = 64;
  lines[3].median = 0.96;
  lines[4] = {.figure = "open-depth",
              .what = "opening a chain of depth 1000",
              .unit = "s",
              .median = 0.2,
              .low = 0.1,
              .high = 0.3,
              .repeats = 5,
              .reach = 0.15,
              .higher_is_better = false,
              .seed = 42,
              .commit = lines[0].commit,
              .date = lines[0].date,
              .machine = lines[0].machine,
              .notes = {}};
  return lines;
}

TEST(FigureHistory, ReadsBackWhatItWrote) {
  // Goal: nothing is lost, and files only grow. Method: two appends, then the folder read back.
  const tests::TemporaryFolder folder;
  const std::vector<HistoryFigure> lines = sample_history();
  const std::string path = folder.file("machine.jsonl");
  ASSERT_FALSE(is_history(folder.path().string()));
  ASSERT_TRUE(append_history(path, std::span(lines).first(2)));
  ASSERT_TRUE(append_history(path, std::span(lines).subspan(2)));
  EXPECT_TRUE(is_history(folder.path().string()));
  const auto read = read_history(folder.path().string());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, lines);
}

TEST(FigureHistory, ConformsToItsSchema) {
  // Goal: other programs can rely on the schema. Method: valijson judges the samples and, where there are
  // some, the lines kept in the checkout; and it refuses a line with one field too many.
  std::ifstream file(tests::checkout_path("reports/history/history.schema.json"));
  const json schema_document = json::parse(file);
  valijson::Schema schema;
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_document), schema);
  auto conforms = [&](const json& line) {
    valijson::Validator validator;
    return validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(line), nullptr);
  };
  std::vector<HistoryFigure> lines = sample_history();
  const std::string kept = tests::checkout_path("bench/history");
  if (is_history(kept)) {
    const auto read = read_history(kept);
    ASSERT_TRUE(read) << read.error().text();
    lines.insert(lines.end(), read->begin(), read->end());
  }
  for (const HistoryFigure& line : lines)
    EXPECT_TRUE(conforms(json::parse(history_line(line)))) << history_line(line);
  json extended = json::parse(history_line(lines[0]));
  extended["surprise"] = 1;
  EXPECT_FALSE(conforms(extended));
}

TEST(FigureHistory, RefusesEachFaultyLineWithFileAndLine) {
  // Goal: a bad line is found, not skipped. Method: one field of the third line spoiled at a time.
  const json good = json::parse(history_line(sample_figure()));
  auto fault_of = [&](const std::string& bad_line) {
    const auto read = parse_history(good.dump() + "\n\n" + bad_line + "\n", "history/a.jsonl");
    EXPECT_FALSE(read) << bad_line;
    if (read) return std::string();
    EXPECT_TRUE(read.error().message.starts_with("history/a.jsonl:3: ")) << read.error().message;
    return read.error().fault;
  };
  EXPECT_EQ(fault_of("{\"figure\":"), "history-syntax");
  EXPECT_EQ(fault_of("[1, 2]"), "history-syntax");
  for (const auto& [name, value] : good.items()) {
    json line = good;
    line[name] = name == "notes" ? json("text") : json(json::object({{"x", 1}}));
    EXPECT_EQ(fault_of(line.dump()), "history-field") << name;
    if (name == "reach" || name == "notes") continue;  // may be absent
    line.erase(name);
    EXPECT_EQ(fault_of(line.dump()), "history-field") << name;
  }
  const std::vector<json> patches = {{{"repeats", 0}}, {{"repeats", -1}},      {{"low", 2.0}},
                                     {{"high", 0.1}},  {{"better", "faster"}}, {{"unknown", 1}}};
  for (const json& patch : patches) {
    json line = good;
    line.update(patch);
    EXPECT_EQ(fault_of(line.dump()), "history-field") << patch.dump();
  }
}

TEST(FigureHistory, KeepsTheLatestLinePerMachine) {
  // Goal: the table shows what holds now. Method: a history with a later line of the same figure and machine.
  const std::vector<HistoryFigure> latest = latest_figures(sample_history());
  ASSERT_EQ(latest.size(), 3U);
  EXPECT_EQ(latest[0].median, 0.96);
  EXPECT_TRUE(latest[0].is_reached());
  EXPECT_FALSE(latest[2].is_reached());
  const std::vector<Table> tables = history_tables(sample_history());
  ASSERT_EQ(tables.size(), 2U);
  EXPECT_EQ(tables[0].rows.size(), 2U);
}

TEST(HistoryCharts, AreAsInTheGoldenFile) {
  // Goal: a chart per figure over commits, a line per machine, the reach as a rule. Method: golden file.
  std::string text;
  for (const Chart& chart : history_charts(sample_history())) {
    text += chart.id + '\n' + chart.title + '\n' + chart.description + '\n' +
            json::parse(chart.specification).dump(1) + '\n';
  }
  tests::expect_golden("tests/reports/golden/history_charts.txt", text);
}

TEST(HistoryPage, SaysWhatIsReachedAndEscapesText) {
  // Goal: the sentence first, nothing from a line becomes markup. Method: the sample, whose text holds a tag.
  const auto page = render_history_html(sample_history(), "1.2.3");
  ASSERT_TRUE(page) << page.error().text();
  EXPECT_NE(page->find("<h1>2 of 3 figures reach what they should</h1>"), std::string::npos);
  EXPECT_EQ(page->find("<mapped>"), std::string::npos);
  EXPECT_NE(page->find("&lt;mapped&gt;"), std::string::npos);
  EXPECT_EQ(render_history_html({}, "1.2.3").error().fault, "report-empty");
}

}  // namespace
}  // namespace vhdlab::reports
