// The engine target on real files: the target suite, and what only it can promise.
#include "scenarios/targets/engine_target.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "engine/io/memory_file_system.h"
#include "engine/io/posix_file_system.h"
#include "scenarios/workload/pattern_stream.h"
#include "tests/conformance/target_conformance.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {
namespace {

struct RealFolder {
  TemporaryFolder folder;
  PosixFileSystem files;
};

TargetImplementation on_real_files() {
  return {"RealFiles", [] {
            auto world = std::make_shared<RealFolder>();
            return TargetWorld{world,
                               scenarios::make_engine_target(world->files, world->folder.path().string())};
          }};
}

TargetImplementation in_memory() {
  return {"Memory", [] {
            auto files = std::make_shared<MemoryFileSystem>();
            return TargetWorld{files, scenarios::make_engine_target(*files, "/work-folder")};
          }};
}

INSTANTIATE_TEST_SUITE_P(Engine, TargetConformance, testing::Values(on_real_files(), in_memory()),
                         [](const auto& instance) { return instance.param.name; });

TEST(EngineTarget, LeavesItsWorkFolderEmpty) {
  // Goal: nothing is left behind, whatever happened. Method: a chain, then the end of the target.
  RealFolder world;
  {
    const auto target = scenarios::make_engine_target(world.files, world.folder.path().string());
    ASSERT_TRUE(target->create_base({.size_bytes = 8 * mib,
                                     .block_size_bytes = 1 * mib,
                                     .logical_sector_size_bytes = 4096,
                                     .physical_sector_size_bytes = 4096},
                                    1));
    ASSERT_TRUE(target->take_checkpoint());
    EXPECT_FALSE(std::filesystem::is_empty(world.folder.path()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(world.folder.path()));
}

TEST(EngineTarget, CountsTrafficInAFolderNamedRelatively) {
  // Goal: bytes per file are the files' own, however the folder was named. One bug: a merge "wrote 0 B" under
  // ./results.
  RealFolder world;
  const std::string relative = std::filesystem::relative(world.folder.path());
  const auto target = scenarios::make_engine_target(world.files, relative);
  constexpr scenarios::DiskSettings disk{.size_bytes = 8 * mib,
                                         .block_size_bytes = 1 * mib,
                                         .logical_sector_size_bytes = 512,
                                         .physical_sector_size_bytes = 4096};
  ASSERT_TRUE(target->create_base(disk, 1));
  ASSERT_TRUE(target->take_checkpoint());
  const auto stream = *scenarios::make_pattern_stream({.pattern = scenarios::AccessPattern::sequential,
                                                       .range = {0, disk.size_bytes},
                                                       .block_size_bytes = 1 * mib,
                                                       .read_percentage = 0,
                                                       .operations = 4},
                                                      scenarios::stream_seeds(1, 1));
  ASSERT_TRUE(target->write(*stream, 1, {}, {}));
  const auto merged = target->merge(1, 1, scenarios::MergeOrder::one_pass, {}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_GE(merged->totals.bytes_written, 4 * mib);
  EXPECT_GE(merged->totals.bytes_read, 4 * mib);
}

TEST(EngineTarget, ProbesOneMapAtAnyDepthByIndex) {
  // Goal: the index finds what the walk finds, with one lookup a read. Method: 12 layers with random writes,
  // mixed load and flushes through the index, verified by the walk; then reads, counted.
  RealFolder world;
  const auto target = scenarios::make_engine_target(world.files, world.folder.path().string());
  constexpr scenarios::DiskSettings disk{.size_bytes = 16 * mib,
                                         .block_size_bytes = 1 * mib,
                                         .logical_sector_size_bytes = 512,
                                         .physical_sector_size_bytes = 4096};
  const auto stream = [&](uint64_t ordinal, uint32_t read_percentage) {
    return *scenarios::make_pattern_stream({.pattern = scenarios::AccessPattern::random,
                                            .range = {0, disk.size_bytes},
                                            .block_size_bytes = 4096,
                                            .read_percentage = read_percentage,
                                            .flush_every = 50,
                                            .operations = 2000},
                                           scenarios::stream_seeds(7, ordinal));
  };
  ASSERT_TRUE(target->create_base(disk, 7));
  for (uint64_t layer = 1; layer <= 12; ++layer) {
    ASSERT_TRUE(target->take_checkpoint());
    ASSERT_TRUE(target->write(*stream(layer, 0), 4, {}, {}));
  }
  ASSERT_TRUE(
      target->perform(*stream(20, 50), {.queue_depth = 4, .lookup = {ResolveMode::index, {}}}, {}, {}));
  const auto verification = target->verify(7);
  ASSERT_TRUE(verification);
  EXPECT_EQ(verification->sectors_wrong, 0U) << verification->first_wrong;
  const auto reads =
      target->perform(*stream(21, 100), {.only_reads = true, .lookup = {ResolveMode::index, {}}}, {}, {});
  ASSERT_TRUE(reads) << reads.error().text();
  EXPECT_LT(reads->layers_probed_per_read, 8);  // 8 regions are walked once each, then one lookup a read
  const auto walked = target->perform(*stream(21, 100), {.only_reads = true}, {}, {});
  EXPECT_GT(walked->layers_probed_per_read, 2);

  // With room for two table pages of thirteen layers nearly every layer asked is a page read, and it is told.
  const auto cold =
      target->perform(*stream(21, 100), {.only_reads = true, .lookup = {{}, 2 * table_page_length}}, {}, {});
  ASSERT_TRUE(cold) << cold.error().text();
  EXPECT_DOUBLE_EQ(cold->layers_probed_per_read, walked->layers_probed_per_read);
  EXPECT_LT(cold->metadata_hit_share, 0.6);
  EXPECT_GT(walked->metadata_hit_share, 0.9);
  EXPECT_GT(cold->metadata_reads, 10 * walked->metadata_reads);
}

}  // namespace
}  // namespace vhdlab::tests
