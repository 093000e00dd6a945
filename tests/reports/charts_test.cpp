// Which charts a record calls for, and what they say about themselves.
#include "reports/charts/charts.h"

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "reports/results/metrics.h"
#include "tests/reports/sample_records.h"

namespace vhdlab::reports {
namespace {

std::vector<std::string> ids_of(const std::vector<Chart>& charts) {
  std::vector<std::string> ids;
  for (const Chart& chart : charts)
    ids.push_back(chart.id);
  return ids;
}

TEST(Charts, FollowFromWhatTheRecordHolds) {
  // Goal: every chart of the issue for a depth sweep, and no empty ones elsewhere. Method: the ids.
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids_of(charts_of(std::vector{samples::read_degradation()})),
            (Ids{"reads-rate", "reads-latency", "reads-distribution", "reads-probes", "merge-time",
                 "merge-bytes", "space"}));
  EXPECT_EQ(ids_of(charts_of(std::vector{samples::merge_cost()})),
            (Ids{"merge-time", "merge-bytes", "space"}));
  EXPECT_EQ(ids_of(charts_of(std::vector{samples::machine_history()})),
            (Ids{"checkpoints-time", "merge-time", "merge-bytes", "space"}));
  EXPECT_TRUE(charts_of(std::vector{RunRecord{}}).empty());
}

// The chart of operations on checkpoints; null where there is none.
nlohmann::json checkpoint_chart(const std::vector<RunRecord>& records) {
  for (const Chart& chart : charts_of(records)) {
    if (chart.id == "checkpoints-time") return nlohmann::json::parse(chart.specification);
  }
  return nullptr;
}

std::set<std::string> values_of(const nlohmann::json& specification, const char* field) {
  std::set<std::string> values;
  for (const auto& row : specification["data"]["values"])
    values.insert(row[field].get<std::string>());
  return values;
}

TEST(Charts, ShowWhatOperationsOnCheckpointsTakeBesideTheMergesTheyLeave) {
  // Goal: the price of a deletion stands beside it. Method: series of a machine's record, in one unit.
  const auto specification = checkpoint_chart({samples::machine_history()});
  ASSERT_FALSE(specification.is_null());
  EXPECT_EQ(values_of(specification, "series"), (std::set<std::string>{"take", "delete", "merge"}));
  EXPECT_EQ(specification["data"]["values"].size(), 6U);  // at depths 1 and 8
  EXPECT_EQ(specification["layer"][1]["encoding"]["y"]["title"], "time (ms)");
  EXPECT_DOUBLE_EQ(specification["data"]["values"][0]["y"].get<double>(), 12);
}

TEST(Charts, ShowNoTimeOfAnOperationThatHadNothingToDo) {
  // Goal: a logarithmic axis has no zero. Method: a merge that took no time at one of two depths.
  RunRecord record = samples::machine_history();
  for (Measurement& measurement : record.points[0].measurements) {
    if (measurement.kind != MeasurementKind::merge) continue;
    for (Repeat& repeat : measurement.repeats)
      repeat.duration_s = 0;
    summarise_measurement(measurement);
  }
  EXPECT_EQ(checkpoint_chart({record})["data"]["values"].size(), 5U);
}

TEST(Charts, TellRunsOfOperationsOnCheckpointsApartByDashes) {
  // Goal: colours say what was done, dashes where. Method: the same record from two targets.
  RunRecord simulated = samples::machine_history();
  simulated.target = "sim";
  const auto specification = checkpoint_chart({samples::machine_history(), simulated});
  EXPECT_EQ(values_of(specification, "series"), (std::set<std::string>{"take", "delete", "merge"}));
  const auto& dash = specification["layer"][1]["encoding"]["strokeDash"];
  EXPECT_EQ(dash["scale"]["domain"].get<std::vector<std::string>>(),
            (std::vector<std::string>{"engine", "sim"}));
}

TEST(Charts, AreVegaLiteWithDataInsideAndUnitsOnTheAxes) {
  // Goal: each specification stands alone. Method: parse it; look at data, width and one axis title.
  for (const RunRecord& record : {samples::read_degradation(), samples::merge_cost(), samples::single_point(),
                                  samples::walk_or_index(), samples::machine_history()}) {
    for (const Chart& chart : charts_of(std::vector{record})) {
      const auto specification = nlohmann::json::parse(chart.specification);
      EXPECT_EQ(specification["$schema"], "https://vega.github.io/schema/vega-lite/v6.json");
      EXPECT_EQ(specification["width"], "container");
      EXPECT_FALSE(specification["data"]["values"].empty()) << chart.id;
      EXPECT_FALSE(specification["data"].contains("url"));
      EXPECT_FALSE(chart.description.empty());
    }
  }
  const auto latency = charts_of(std::vector{samples::read_degradation()})[1];
  const auto specification = nlohmann::json::parse(latency.specification);
  EXPECT_EQ(specification["layer"][1]["encoding"]["y"]["title"], "latency (us)");
  EXPECT_EQ(specification["layer"][1]["encoding"]["y"]["scale"]["zero"], true);
}

TEST(Charts, PutSeveralRunsIntoOneChart) {
  // Goal: measured and simulated curves lie on each other. Method: two targets; series by name.
  const auto charts =
      charts_of(std::vector{samples::read_degradation("engine"), samples::read_degradation("sim", 1.1)});
  const auto specification = nlohmann::json::parse(charts.front().specification);
  std::set<std::string> series;
  for (const auto& row : specification["data"]["values"])
    series.insert(row["series"].get<std::string>());
  EXPECT_EQ(series, (std::set<std::string>{"engine", "sim"}));
}

TEST(Charts, DrawNoLinesBetweenMoreLayersThanThereIsRoomFor) {
  // Goal: the colours of 256 layers are seen. Method: the width of the lines between few, some and many.
  for (const auto& [layers, width] : {std::pair{4, 0.8}, std::pair{50, 0.3}, std::pair{256, 0.0}}) {
    RunRecord record = samples::read_degradation();
    record.points.back().layers.resize(static_cast<size_t>(layers) + 1, record.points.back().layers.back());
    for (size_t i = 0; i + 1 < record.points.size(); ++i)
      record.points[i].layers.resize(1);
    const auto specification = nlohmann::json::parse(charts_of(std::vector{record}).back().specification);
    EXPECT_EQ(specification["mark"]["strokeWidth"].get<double>(), width) << layers;
  }
}

TEST(Charts, HaveIdsThatAreSafeAndUnique) {
  // Goal: ids go into HTML. Method: two measurements whose names differ only in odd characters.
  RunRecord record = samples::read_degradation();
  for (Point& point : record.points) {
    Measurement twin = point.measurements[0];
    point.measurements[0].name = "reads <1>";
    twin.name = "reads \"1\"";
    point.measurements.push_back(twin);
  }
  std::set<std::string> ids;
  for (const std::string& id : ids_of(charts_of(std::vector{record}))) {
    EXPECT_TRUE(ids.insert(id).second) << id;
    EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos) << id;
  }
}

}  // namespace
}  // namespace vhdlab::reports
