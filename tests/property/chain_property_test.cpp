// Whatever happens to a chain, it reads as a plain array to which the same was done. VHDLAB_TEST_SEED repeats
// a run, VHDLAB_PROPERTY_CASES makes it longer (200 cases by default).
#include <cstdlib>

#include <rapidcheck.h>

#include "engine/io/posix_file_system.h"
#include "tests/property/chain_operations.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace rc {

template <>
struct Arbitrary<vhdlab::tests::Operation> {
  static Gen<vhdlab::tests::Operation> arbitrary() {
    using vhdlab::tests::Act;
    using vhdlab::tests::Operation;
    // Numbers from the whole range whatever the case's size: they are positions, not magnitudes.
    return gen::build<Operation>(
        gen::set(&Operation::act, gen::weightedElement<Act>({{8, Act::write},
                                                             {3, Act::zero},
                                                             {4, Act::checkpoint},
                                                             {2, Act::merge},
                                                             {1, Act::reopen},
                                                             {1, Act::cut_power}})),
        gen::set(&Operation::where, gen::resize(kNominalSize, gen::arbitrary<uint32_t>())),
        gen::set(&Operation::much, gen::resize(kNominalSize, gen::arbitrary<uint32_t>())));
  }
};

template <>
struct Arbitrary<vhdlab::tests::Scenario> {
  static Gen<vhdlab::tests::Scenario> arbitrary() {
    using vhdlab::tests::Scenario;
    return gen::build<Scenario>(gen::set(&Scenario::base_block), gen::set(&Scenario::large_sectors),
                                gen::set(&Scenario::fixed), gen::set(&Scenario::base_size),
                                gen::set(&Scenario::index), gen::set(&Scenario::tiny_cache),
                                gen::set(&Scenario::carrier), gen::set(&Scenario::operations));
  }
};

}  // namespace rc

namespace vhdlab::tests {
namespace {

int case_count() {
  const char* wanted = std::getenv("VHDLAB_PROPERTY_CASES");
  return wanted != nullptr && *wanted != '\0' ? std::max(1, std::atoi(wanted)) : 200;
}

// rapidcheck takes its settings from the environment; they are made here so that the project's own names
// hold.
rc::detail::TestParams parameters(uint64_t seed) {
  rc::detail::TestParams params;
  params.seed = seed;
  params.maxSuccess = case_count();
  params.maxSize = 60;
  return params;
}

TEST(ChainProperty, ReadsAsAPlainArrayWhateverHappensToIt) {
  // Goal: no sequence of writes, zeros, checkpoints, merges, reopens and power cuts after a flush makes a
  // chain of up to eight layers differ from the array, walked or indexed, with all table pages in memory or
  // three, by calls, through a queue or through a ring. Method: rapidcheck draws and shrinks; in memory.
  const uint64_t seed = test_seed();
  const auto property = [seed](const Scenario& scenario) {
    MemoryFileSystem files;
    std::string wrong;
    try {
      wrong = run_scenario(files, "/vm", scenario, seed);
    } catch (const std::exception& refused) {
      wrong = refused.what();
    }
    if (!wrong.empty()) RC_FAIL(wrong);
  };
  rc::detail::TestMetadata metadata;
  metadata.id = "chain";
  metadata.description = "a chain reads as a plain array";
  const auto result = rc::detail::checkTestable(property, metadata, parameters(seed));
  if (!result.template is<rc::detail::SuccessResult>()) {
    std::ostringstream text;
    rc::detail::printResultMessage(result, text);
    FAIL() << text.str() << "\nseed " << seed;
  }
}

Scenario random_scenario(RandomSource& random, size_t length) {
  Scenario scenario{.base_block = static_cast<uint8_t>(random.next_u64() % 4),
                    .large_sectors = random.next_u64() % 3 == 0,
                    .fixed = random.next_u64() % 4 == 0,
                    .base_size = static_cast<uint8_t>(random.next_u64()),
                    .index = random.next_u64() % 2 == 0,
                    .tiny_cache = random.next_u64() % 2 == 0,
                    .carrier = static_cast<uint8_t>(random.next_u64() % 4),
                    .operations = {}};
  constexpr Act acts[] = {Act::write,      Act::write, Act::write, Act::write,  Act::zero,
                          Act::checkpoint, Act::merge, Act::zero,  Act::reopen, Act::cut_power};
  for (size_t i = 0; i < length; ++i) {
    scenario.operations.push_back({acts[random.next_u64() % std::size(acts)],
                                   static_cast<uint32_t>(random.next_u64()),
                                   static_cast<uint32_t>(random.next_u64())});
  }
  return scenario;
}

TEST(ChainStress, LongLivesInMemory) {
  // Goal: as the property, with lives long enough to fill, wrap and merge many times. Method: seeded, plain.
  const uint64_t seed = test_seed();
  for (int life = 0; life < std::max(1, case_count() / 50); ++life) {
    SeededRandom random(mix64(seed + static_cast<uint64_t>(life)));
    const Scenario scenario = random_scenario(random, 250);
    MemoryFileSystem files;
    ASSERT_EQ(run_scenario(files, "/vm", scenario, seed), "") << "seed " << seed << ", life " << life;
  }
}

TEST(ChainStress, LivesInFilesOfTheHost) {
  // Goal: the same on real files, where space is sparse and names are paths.
  const uint64_t seed = test_seed();
  for (int life = 0; life < std::max(1, case_count() / 25); ++life) {
    SeededRandom random(mix64(seed + 1000 + static_cast<uint64_t>(life)));
    const Scenario scenario = random_scenario(random, 60);
    TemporaryFolder folder;
    PosixFileSystem files;
    ASSERT_EQ(run_scenario(files, folder.path().string(), scenario, seed), "")
        << "seed " << seed << ", life " << life;
  }
}

}  // namespace
}  // namespace vhdlab::tests
