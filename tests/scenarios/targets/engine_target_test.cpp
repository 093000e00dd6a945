// The engine target on real files: the target suite, and what only it can promise.
#include "scenarios/targets/engine_target.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "engine/io/memory_file_system.h"
#include "engine/io/posix_file_system.h"
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

}  // namespace
}  // namespace vhdlab::tests
