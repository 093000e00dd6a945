// The schema that editors use and the parser must not contradict each other: one table of documents, two
// judges.
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#include <yaml-cpp/yaml.h>

#include "scenarios/language/parse.h"
#include "tests/support/checkout.h"

namespace vhdlab::scenarios {
namespace {

using nlohmann::json;

// YAML as an editor's language server sees it: plain scalars typed by YAML's core schema.
json json_from(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Sequence: {
      json list = json::array();
      for (const auto& item : node)
        list.push_back(json_from(item));
      return list;
    }
    case YAML::NodeType::Map: {
      json object = json::object();
      for (const auto& entry : node)
        object[entry.first.as<std::string>()] = json_from(entry.second);
      return object;
    }
    case YAML::NodeType::Scalar: {
      const std::string text = node.as<std::string>();
      if (node.Tag() != "!") {
        if (text == "true" || text == "false") return text == "true";
        const json number = json::parse(text, nullptr, false);
        if (number.is_number()) return number;
      }
      return text;
    }
    default:
      return nullptr;
  }
}

bool schema_accepts(const json& document) {
  std::ifstream file(tests::checkout_path("scenarios/language/scenario.schema.json"));
  const json schema_json = json::parse(file);
  valijson::Schema schema;
  valijson::SchemaParser parser;
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json), schema);
  valijson::Validator validator;
  return validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(document), nullptr);
}

// A whole scenario around one changed section each.
std::string scenario(const std::string& measure, const std::string& setup = "", const std::string& top = "",
                     const std::string& disk = "size: 64MiB") {
  return "name: t\n" + top + "disk: { " + disk + " }\nsetup:\n  - create: base\n" + setup + "measure:\n" +
         measure;
}

const std::string read = "  - read: { name: reads }\n";

struct Case {
  std::string text;
  bool good;
};

TEST(ScenarioSchema, AgreesWithTheParser) {
  // Goal: what an editor underlines is what the parser refuses. Method: each document goes to both.
  const std::vector<Case> cases = {
      {scenario(read, "", "io: io_uring\n"), true},
      {scenario(read, "", "io: mapped\n"), true},
      {scenario(read, "", "io: libaio\n"), false},
      {scenario(read, "", "io: { kind: io_uring, resolve: index, direct: true }\n"), true},
      {scenario(read, "", "io: { engine: psync }\n"), true},
      {scenario(read, "", "io: { kind: threads }\n"), false},
      {scenario("  - read: { jobs: 4, queue_depth: 256 }\n"), true},
      {scenario("  - read: { jobs: 0 }\n"), false},
      {scenario("  - read: { arrivals: { rate: 0.5/s } }\n", "", "target: sim\n"), true},
      {scenario("  - mixed: { read_percentage: 70, arrivals: { rate: $r } }\n", "",
                "sweep: { r: [5/s, 9/s] }\n"),
       true},
      {scenario("  - read: { arrivals: { rate: 500 } }\n"), false},
      {scenario("  - read: { arrivals: { rate: 500/min } }\n"), false},
      {scenario("  - read: { arrivals: 500/s }\n"), false},
      {scenario("  - read: { arrivals: {} }\n"), false},
      {scenario(read, "", "target: simulator\n"), false},
      {scenario(read), true},
      {scenario("  - read: { pattern: zipf, zipf_theta: 1.2, block_size: 8KiB, queue_depth: 4, direct: true, "
                "warm_up: 0, "
                "duration: 1.5s, range: 25%, flush_every: 0 }\n"),
       true},
      {scenario("  - mixed: { read_percentage: 70%, operations: 100, range: { from: 0, length: 10MiB } }\n"),
       true},
      {scenario("  - write: { amount: 2% }\n  - merge: { range: leaf, order: pairwise-newest-first }\n"),
       true},
      {scenario("  - replay: { trace: a.csv, wrap: true, limit: 10, timing: recorded, format: fio-iolog }\n"),
       true},
      {scenario(read,
                "  - fill: { amount: 50% }\n  - checkpoint\n  - repeat: 3\n    steps:\n      - write: { "
                "amount: 1MiB }\n"),
       true},
      {scenario(read, "  - repeat: $n\n    steps: [checkpoint]\n", "sweep: { n: [0, 1] }\n"), true},
      {scenario(read, "", "expect: [{ metric: reads.iops, at_least: 5 }]\n"), true},
      {scenario(read, "", "io: { resolve: index }\n"), true},
      {scenario(read, "", "io: { resolve: guess }\n"), false},
      {scenario(read, "", "io: { metadata_cache: 8MiB }\n"), true},
      {scenario(read, "", "io: { metadata_cache: unlimited }\n"), true},
      {scenario(read, "", "io: { metadata_cache: plenty }\n"), false},
      {scenario(read, "", "io: { engine: psync, direct: true }\nseed: 3\nrepeat: 2\n"), true},
      {scenario(read, "", "",
                "size: 1TiB, format: vhdx, type: fixed, block_size: 2MiB, logical_sector_size: 4096"),
       true},

      {scenario(
           "  - delete: { checkpoint: monday }\n  - merge: { range: pending }\n  - damage: { each: file }\n",
           "  - checkpoint: monday\n  - checkpoint\n  - apply: 1\n"),
       true},
      {scenario("  - checkpoint: { as: extra }\n  - apply: { name: back, checkpoint: newest }\n"
                "  - delete_subtree: { checkpoint: 1 }\n  - damage: { each: file, by: missing }\n"),
       true},
      {scenario("  - delete: { name: gone }\n", "  - checkpoint\n"), false},
      {scenario("  - delete: { checkpoint: 0 }\n", "  - checkpoint\n"), false},
      {scenario("  - checkpoint: { as: newest }\n"), false},
      {scenario("  - damage: { each: block }\n"), false},
      {scenario("  - damage: { each: file, by: fire }\n"), false},
      {scenario("  - merge: { range: pending, order: one-pass }\n", "  - checkpoint\n"), false},
      {scenario(read, "  - checkpoint: Monday\n"), false},
      {scenario(read, "  - apply: {}\n"), false},
      {scenario("  - read: { que_depth: 16 }\n"), false},
      {scenario("  - read: { queue_depth: 0 }\n"), false},
      {scenario("  - read: { queue_depth: many }\n"), false},
      {scenario("  - read: { queue_depth: 1.5 }\n"), false},
      {scenario("  - read: { pattern: randm }\n"), false},
      {scenario("  - read: { read_percentage: 50 }\n"), false},
      {scenario("  - read: { direct: yes }\n"), false},
      {scenario("  - read: { duration: 3 }\n"), false},
      {scenario("  - read: { duration: 3m }\n"), false},
      {scenario("  - read: { amount: 1%, operations: 5 }\n"), false},
      {scenario("  - read: { name: Reads }\n"), false},
      {scenario("  - mixed: { name: m }\n"), false},
      {scenario("  - mixed: { read_percentage: 101 }\n"), false},
      {scenario("  - live_merge: { under: { read: {} } }\n", "  - checkpoint\n"), true},
      {scenario("  - live_merge: { rate_limit: 1.5MiB/s, pause_below: 64k, passes: 3, under: { write: { "
                "block_size: 64KiB, arrivals: { rate: 80/s } } } }\n",
                "  - checkpoint\n"),
       true},
      {scenario("  - live_merge: { rate_limit: unlimited, under: { mixed: { read_percentage: 50 } } }\n",
                "  - checkpoint\n"),
       true},
      {scenario("  - live_merge: {}\n", "  - checkpoint\n"), false},
      {scenario("  - live_merge: { under: { mixed: {} } }\n", "  - checkpoint\n"), false},
      {scenario("  - live_merge: { under: { read: { warm_up: 1s } } }\n", "  - checkpoint\n"), false},
      {scenario("  - live_merge: { under: { read: {}, write: {} } }\n", "  - checkpoint\n"), false},
      {scenario("  - live_merge: { rate_limit: 50MiB, under: { read: {} } }\n", "  - checkpoint\n"), false},
      {scenario("  - live_merge: { passes: 0, under: { read: {} } }\n", "  - checkpoint\n"), false},
      {scenario("  - merge: { range: some }\n"), false},
      {scenario("  - merge: { range: { from: 1 } }\n"), false},
      {scenario("  - replay: { wrap: true }\n"), false},
      {scenario("  - reed: { name: reads }\n"), false},
      {scenario("  - read\n"), false},
      {"name: t\ndisk: { size: 64MiB }\nsetup: [{ create: base }]\nmeasure: []\n", false},
      {"name: t\ndisk: { size: 64MiB }\nsetup: [{ create: base }]\n", false},
      {"disk: { size: 64MiB }\nsetup: [{ create: base }]\nmeasure: [{ merge: {} }]\n", false},
      {scenario(read, "  - write: { pattern: random }\n"), false},
      {scenario(read, "  - write: { amount: -5% }\n"), false},
      {scenario(read, "  - fill: { pattern: zipf }\n"), false},
      {scenario(read, "  - checkpoints\n"), false},
      {scenario(read, "  - delete: one\n"), false},
      {scenario(read, "  - repeat: 3\n"), false},
      {scenario(read, "", "seed: -1\n"), false},
      {scenario(read, "", "repeat: 0\n"), false},
      {scenario(read, "", "color: red\n"), false},
      {scenario(read, "", "io: { engine: windows }\n"), false},
      {scenario(read, "", "expect: [{ metric: reads.iops }]\n"), false},
      {scenario(read, "", "expect: [{ metric: reads.iops, at_least: 1, at_most: 2 }]\n"), false},
      {scenario(read, "", "sweep: { n: [] }\n"), false},
      {scenario(read, "", "", "format: vhdx"), false},
      {scenario(read, "", "", "size: big"), false},
      {scenario(read, "", "", "size: 64MiB, format: qcow2"), false},
      {scenario(read, "", "", "size: 64MiB, logical_sector_size: 1024"), false},
  };
  for (const Case& each : cases) {
    const auto parsed = parse_scenario(each.text, "case.yaml");
    EXPECT_EQ(parsed.has_value(), each.good) << each.text << (parsed ? "" : render_findings(parsed.error()));
    EXPECT_EQ(schema_accepts(json_from(YAML::Load(each.text))), each.good) << "the schema, on:\n"
                                                                           << each.text;
  }
}

TEST(ScenarioSchema, AcceptsEveryShippedScenario) {
  // Goal: no false alarm in an editor. Method: the shipped files.
  for (const char* name :
       {"quick", "read-degradation", "merge-cost", "trace-replay", "walk-or-index", "io-kinds",
        "metadata-regimes", "leftovers", "live-merge", "papers/live-merge-divergence"}) {
    const std::string path = tests::checkout_path("scenarios/library/" + std::string(name) + ".yaml");
    EXPECT_TRUE(schema_accepts(json_from(YAML::LoadFile(path)))) << path;
  }
}

}  // namespace
}  // namespace vhdlab::scenarios
