// results.json: the way out, the way back, and files that lie.
#include "reports/results/result_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "engine/base/random.h"
#include "tests/reports/sample_records.h"
#include "tests/support/checkout.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::reports {
namespace {

using nlohmann::json;

std::vector<RunRecord> all_samples() {
  return {samples::read_degradation(),
          samples::merge_cost(),
          samples::single_point(),
          samples::walk_or_index(),
          samples::machine_history(),
          samples::live_merge(),
          RunRecord{}};
}

TEST(ResultFile, ReadsBackWhatItWrote) {
  // Goal: nothing is lost. Method: every sample through text and back, compared field by field.
  for (const RunRecord& record : all_samples()) {
    const auto read = parse_result(result_text(record));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_TRUE(*read == record) << record.scenario_name;
    EXPECT_EQ(result_text(*read), result_text(record));
  }
}

TEST(ResultFile, ConformsToItsSchema) {
  // Goal: the schema that other programs rely on is true. Method: valijson judges every sample.
  std::ifstream file(tests::checkout_path("reports/results/result.schema.json"));
  const json schema_document = json::parse(file);
  valijson::Schema schema;
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_document), schema);
  for (const RunRecord& record : all_samples()) {
    const json document = json::parse(result_text(record));
    valijson::ValidationResults faults;
    valijson::Validator validator;
    const bool valid = validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(document), &faults);
    valijson::ValidationResults::Error fault;
    while (faults.popError(fault))
      ADD_FAILURE() << record.scenario_name << ": " << fault.description;
    EXPECT_TRUE(valid);
  }
}

// Collects "path.to.field" of everything the schema demands and offers.
void expect_described(const json& schema, const json& description, const json& value,
                      const std::string& path) {
  if (description.contains("$ref")) {
    const std::string name =
        description["$ref"].get<std::string>().substr(std::string("#/definitions/").size());
    return expect_described(schema, schema["definitions"][name], value, path);
  }
  if (value.is_object() && description.contains("properties")) {
    for (const auto& [name, inner] : value.items()) {
      ASSERT_TRUE(description["properties"].contains(name)) << path << "." << name << " is not in the schema";
      expect_described(schema, description["properties"][name], inner, path + "." + name);
    }
  } else if (value.is_array() && !value.empty() && description.contains("items")) {
    expect_described(schema, description["items"], value.front(), path + "[]");
  }
}

TEST(ResultFile, WritesNoFieldThatTheSchemaDoesNotKnow) {
  // Goal: writer and schema grow together. Method: walk a full record beside the schema.
  std::ifstream file(tests::checkout_path("reports/results/result.schema.json"));
  const json schema = json::parse(file);
  for (const RunRecord& record : all_samples()) {
    expect_described(schema, schema, json::parse(result_text(record)), "");
  }
}

TEST(ResultFile, RefusesAnotherVersion) {
  // Goal: an older or newer file is named as such, not misread. Method: other versions, of other types too.
  for (const char* text :
       {R"({"format_version": 2})", R"({"format_version": 0})", R"({"format_version": "1"})"}) {
    const auto read = parse_result(text);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().fault, "result-version") << text;
    EXPECT_EQ(read.error().kind, ErrorKind::unsupported);
  }
}

TEST(ResultFile, NamesThePlaceOfASyntaxError) {
  // Goal: a person can find it. Method: a comma too much in line 3.
  const auto read = parse_result("{\n  \"format_version\": 1,\n  \"seed\": ,\n}");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, "result-syntax");
  EXPECT_NE(read.error().message.find("line 3, column 11"), std::string::npos) << read.error().message;
}

TEST(ResultFile, NamesThePathOfAFaultyField) {
  // Goal: what is wrong, and where. Method: one change each to a good file.
  struct Case {
    const char* pointer;
    json value;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"/seed", -1, "seed is number, expected a whole number from 0"},
      {"/points/2/measurements/0/kind", "scan",
       "points[2].measurements[0].kind is 'scan', which this program does not know"},
      {"/points/1/measurements/0/repeats/3/duration_s", -2.5,
       "points[1].measurements[0].repeats[3].duration_s is negative"},
      {"/points/0/measurements/0/repeats/0/all/latency/buckets/1/0", 0, "buckets[1] is out of order"},
      {"/points/0/parameters/0/name", "width",
       "points[0].parameters does not name the variables of sweep, in order"},
      {"/points/1/measurements/1/name", "reads", "points[1].measurements[1].name repeats 'reads'"},
      {"/environment/cores", 4294967296, "environment.cores is 4294967296, expected at most 4294967295"},
      {"/points/0/measurements/0/repeats/0/metadata_hit_share", 1.5,
       "metadata_hit_share is 1.5, expected 0 to 1"},
      {"/findings", "none", "findings is string, expected a list"},
      {"/points/0/disk", nullptr, "points[0].disk is null, expected an object"},
  };
  const json good = json::parse(result_text(samples::read_degradation()));
  for (const Case& c : cases) {
    json bad = good;
    bad[json::json_pointer(c.pointer)] = c.value;
    const auto read = parse_result(bad.dump());
    ASSERT_FALSE(read) << c.pointer;
    EXPECT_EQ(read.error().fault, "result-field");
    EXPECT_NE(read.error().message.find(c.message), std::string::npos) << read.error().message;
  }
}

TEST(ResultFile, MissesEveryFieldThatIsTakenAway) {
  // Goal: a record in memory is always whole. Method: remove each required top field in turn.
  const json good = json::parse(result_text(samples::single_point()));
  for (const auto& [name, value] : good.items()) {
    json bad = good;
    bad.erase(name);
    const auto read = parse_result(bad.dump());
    ASSERT_FALSE(read) << name;
    EXPECT_EQ(read.error().message.substr(0, name.size() + 11), name + " is missing");
  }
}

TEST(ResultFile, DoesNotBelieveSummaries) {
  // Goal: reports show what the repeats say. Method: a file with a forged median.
  json forged = json::parse(result_text(samples::single_point()));
  forged["/points/0/measurements/0/summaries/0/median"_json_pointer] = 1e12;
  const auto read = parse_result(forged.dump());
  ASSERT_TRUE(read);
  EXPECT_TRUE(*read == samples::single_point());
}

TEST(ResultFile, SurvivesNestingAndHugeNumbers) {
  // Goal: no stack overflow, no exception. Method: brackets a million deep, a number beyond all numbers.
  const auto deep = parse_result(std::string(1000000, '['));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().fault, "result-syntax");
  const auto huge = parse_result(R"({"format_version": 1e999})");
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().fault, "result-syntax");
}

TEST(ResultFile, NeverThrowsOnDamagedText) {
  // Goal: damage is a value, whatever it hits. Method: 2000 random changes of single bytes of a small file.
  const std::string good = result_text(samples::single_point());
  SeededRandom random(tests::test_seed());
  for (int round = 0; round < 2000; ++round) {
    std::string bad = good.substr(0, good.size() - random.next_u64() % 2 * (random.next_u64() % good.size()));
    if (bad.empty()) continue;
    for (uint64_t n = random.next_u64() % 4; n > 0; --n)
      bad[random.next_u64() % bad.size()] = static_cast<char>(random.next_u64());
    EXPECT_NO_THROW((void)parse_result(bad));
  }
}

TEST(ResultFile, ReplacesAFileInOneStepAndLeavesNothingBeside) {
  // Goal: the folder holds the result and no leftovers. Method: write twice, list, read through the folder's
  // name.
  const tests::TemporaryFolder folder;
  ASSERT_TRUE(write_result_file(folder.file("results.json"), samples::merge_cost()));
  ASSERT_TRUE(write_result_file(folder.file("results.json"), samples::single_point()));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()),
                          std::filesystem::directory_iterator()),
            1);
  const auto read = read_result_file(folder.path().string());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->scenario_name, "quick");
}

TEST(ResultFile, LeavesNoTraceWhereItCannotWrite) {
  // Goal: a failed write changes nothing. Method: a folder that is missing, and a folder where the file
  // should be.
  const tests::TemporaryFolder folder;
  const auto missing = write_result_file(folder.file("no/such/folder/results.json"), samples::single_point());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().fault, "result-write");
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  std::filesystem::create_directory(folder.path() / "taken");
  const auto taken = write_result_file(folder.file("taken"), samples::single_point());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().fault, "result-write");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()),
                          std::filesystem::directory_iterator()),
            1);
}

TEST(ResultFile, SaysWhichFileIsNotThere) {
  // Goal: the message names the path it looked for. Method: an empty folder.
  const tests::TemporaryFolder folder;
  const auto read = read_result_file(folder.path().string());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, "result-not-found");
  EXPECT_TRUE(read.error().message.starts_with(folder.file("results.json")));
}

TEST(ResultFile, WritesTextThatIsNotUtf8AsReplacementCharacters) {
  // Goal: odd names do not stop a result. Method: a lone continuation byte in the machine's name.
  RunRecord record;
  record.environment.machine = "odd \x80 name";
  const auto read = parse_result(result_text(record));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->environment.machine, "odd \xef\xbf\xbd name");
}

}  // namespace
}  // namespace vhdlab::reports
