// Replays what fuzzing has found, and its seeds, in every build and with every compiler: each file in
// corpus/TARGET/ is a test of its own, named for what it proves. tools/fuzz finds new ones.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/checkout.h"
#include "tests/support/shared_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::fuzz {
namespace {

namespace fs = std::filesystem;

class KeptCase : public testing::Test {
 public:
  KeptCase(Target run, fs::path path) : run_(run), path_(std::move(path)) {}

  void TestBody() override {
    // Goal: what was found once stays mended. Method: the kept bytes through the target and its oracle.
    std::ifstream file(path_, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    ASSERT_TRUE(file.good() || file.eof()) << path_;
    EXPECT_NO_THROW(run_(std::as_bytes(std::span(bytes))));
  }

 private:
  Target run_;
  fs::path path_;
};

class Seeds : public testing::TestWithParam<NamedTarget> {};

TEST_P(Seeds, KeepThePromises) {
  // Goal: the targets do what they say on good input. Method: every seed, those from real images where there
  // are any.
  const auto seeds = seeds_of(GetParam().name);
  ASSERT_FALSE(seeds.empty());
  for (const Seed& seed : seeds) {
    SCOPED_TRACE(seed.name);
    EXPECT_NO_THROW(GetParam().run(seed.bytes));
  }
  if (!tests::shared_path())
    GTEST_SKIP() << "generated seeds passed; " << tests::shared_path().error().text();
}

TEST_P(Seeds, MutatedKeepThePromises) {
  // Goal: some fuzzing on machines without clang. Method: seeded; a few bytes of each seed changed, cut or
  // doubled.
  SeededRandom random(tests::test_seed());
  const auto seeds = seeds_of(GetParam().name);
  for (int round = 0; round < 200; ++round) {
    Seed seed = seeds[random.next_u64() % seeds.size()];
    if (seed.bytes.empty()) continue;
    for (uint64_t edits = 1 + random.next_u64() % 4; edits > 0 && !seed.bytes.empty(); --edits) {
      const auto at = static_cast<ptrdiff_t>(random.next_u64() % seed.bytes.size());
      const auto value = static_cast<std::byte>(random.next_u64());
      if (const auto kind = random.next_u64() % 8; kind == 0) {
        seed.bytes.resize(static_cast<size_t>(at));
      } else if (kind == 1) {
        seed.bytes.insert(seed.bytes.begin() + at, value);
      } else {
        seed.bytes[static_cast<size_t>(at)] = value;
      }
    }
    SCOPED_TRACE(testing::Message() << "round " << round << ", from " << seed.name);
    ASSERT_NO_THROW(GetParam().run(seed.bytes));
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Seeds, testing::ValuesIn(targets),
                         [](const auto& each) { return std::string(each.param.name); });

// Before main: ctest learns the names by asking the program.
const bool registered = [] {
  for (const NamedTarget& target : targets) {
    const fs::path folder = fs::path(tests::checkout_path("tests/fuzz/corpus")) / target.name;
    if (!fs::exists(folder)) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const fs::path path = entry.path();
      const std::string suite = "FuzzCorpus_" + std::string(target.name);
      testing::RegisterTest(suite.c_str(), path.filename().c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [run = target.run, path]() -> KeptCase* { return new KeptCase(run, path); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace vhdlab::fuzz
