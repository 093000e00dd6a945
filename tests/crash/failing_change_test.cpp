// A device that fails in the middle: every write, resize, hole, flush, creation and folder sync of an
// operation fails once, alone or with all that follow, as a full or dying device does. The operation says so,
// the disk holds what was flushed, our check finds no damage, and the same operation run again succeeds.
#include <functional>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/chain/compact_disk.h"
#include "engine/chain/relink.h"
#include "engine/chain/resize_disk.h"
#include "engine/io/memory_file_system.h"
#include "tests/crash/crash_check.h"
#include "tests/support/faulty_file_system.h"

namespace vhdlab::tests {
namespace {

constexpr uint64_t disk_size = 5 * mib + 512 * kib;
const std::string base_path = "/disks/base.vhdx";
const std::string leaf_path = "/disks/leaf.avhdx";

// What an operation works on: the files, which fail, and what the leaf may read as.
struct World {
  MemoryFileSystem memory;
  FaultyFileSystem files{memory};
  SeededRandom random{1};
  DiskOracle oracle{std::vector<std::byte>(disk_size)};
};

struct Operation {
  std::string name;
  std::function<Result<void>(World&)> run;

  friend void PrintTo(const Operation& operation, std::ostream* to) { *to << operation.name; }
};

// A base and a leaf with data, zeros and gaps in both.
void make_chain(World& world) {
  vhdx::DiskMetadata metadata{.disk_size_bytes = disk_size, .block_size_bytes = 1 * mib};
  ASSERT_TRUE(create_disk(world.memory, base_path, metadata, world.random));
  for (const std::string& path : {base_path, leaf_path}) {
    if (path == leaf_path) {
      ASSERT_TRUE(
          create_child(world.memory, base_path, leaf_path, {.block_size_bytes = 1 * mib}, world.random));
    }
    auto chain = open_chain(world.memory, path, {.mode = OpenMode::read_write}, world.random).value();
    WritePlan plan;
    for (const uint64_t block : {4, 0, 3, 1}) {
      const auto bytes = random_bytes(16 * kib, world.random);
      world.oracle.write(block * mib + 8 * kib, bytes);
      ASSERT_TRUE(chain.write(block * mib + 8 * kib, bytes, plan));
    }
    ASSERT_TRUE(chain.flush());
    world.oracle.zero({0, 1 * mib});
    ASSERT_TRUE(chain.zero({0, 1 * mib}, plan));
    ASSERT_TRUE(chain.close());
  }
  world.oracle.flushed();
}

Result<void> write_and_flush(World& world) {
  auto chain = TRY(open_chain(world.files, leaf_path, {.mode = OpenMode::read_write}, world.random));
  WritePlan plan;
  const auto write = [&](uint64_t offset, uint64_t length) -> Result<void> {
    const auto bytes = random_bytes(length, world.random);
    world.oracle.write(offset, bytes);
    return chain.write(offset, bytes, plan);
  };
  TRY(write(4096, 4096));
  TRY(write(2 * mib, 1 * mib));
  TRY(chain.flush());
  world.oracle.flushed();
  world.oracle.trim({3 * mib, 1 * mib}, 1 * mib);
  TRY(chain.trim({3 * mib, 1 * mib}, plan));
  TRY(write(3 * mib + 4096, 8192));
  TRY(chain.close());
  world.oracle.flushed();
  return {};
}

Result<void> compact(World& world) {
  TRY(compact_disk(world.files, leaf_path, world.random, {}, {}));
  return {};
}

Result<void> grow_and_shrink(World& world) {
  TRY(resize_disk(world.files, leaf_path, disk_size + 512, {}, world.random));
  return resize_disk(world.files, leaf_path, disk_size, {}, world.random);
}

Result<void> point_to_parent_again(World& world) {
  TRY(relink(world.files, leaf_path, base_path, {}, world.random));
  return {};
}

Result<void> make_and_remove_a_child(World& world) {
  const std::string path = "/disks/newer.avhdx";
  if (world.memory.exists(path)) TRY(world.memory.remove(path));  // of a run whose removal failed, too
  TRY(create_child(world.files, leaf_path, path, {}, world.random));
  return world.files.remove(path);
}

class FailingChange : public testing::TestWithParam<Operation> {};

TEST_P(FailingChange, IsToldAndLeavesADiskThatIsWholeAndCanBeTriedAgain) {
  // Goal: no full or failing device costs flushed bytes. Method: fail change 0, 1, 2, ... of the operation,
  // alone or for good, until a run meets no failure; look, check, run it again.
  uint64_t failures = 0;
  for (const bool for_good : {true, false}) {
    for (uint64_t n = 0;; ++n) {
      ASSERT_LT(n, 5000U);
      SCOPED_TRACE(fmt::format("change {} fails{}", n, for_good ? " and all that follow" : ""));
      World world;
      ASSERT_NO_FATAL_FAILURE(make_chain(world));
      world.files.fail_at(n, for_good);
      const auto done = GetParam().run(world);
      const bool met_it = world.files.changes() > n;
      world.files.never_fail();
      if (!met_it) {
        ASSERT_TRUE(done) << done.error().text();
        break;
      }
      ++failures;
      ASSERT_TRUE(done || done.error().fault == "file-io") << done.error().text();

      const std::string unfinished = "/disks/newer.avhdx";
      if (!for_good && world.memory.exists(unfinished)) {
        ASSERT_TRUE(open_chain(world.memory, unfinished, {}, world.random)) << "half a child was left behind";
      }
      auto found = read_disk(world.memory, leaf_path, OpenMode::read_only, world.random);
      ASSERT_TRUE(found) << found.error().text();
      found->resize(disk_size);  // a run that grows it may have been cut short
      ASSERT_EQ(world.oracle.judge_after_cut(*found), std::nullopt);
      ASSERT_EQ(fault_found_by_check(world.memory, leaf_path, Leaf::as_the_cut_left_it), std::nullopt);
      const auto again = GetParam().run(world);
      ASSERT_TRUE(again) << "tried again: " << again.error().text();
      ASSERT_EQ(fault_found_by_check(world.memory, leaf_path, Leaf::settled), std::nullopt);
      const auto last = read_disk(world.memory, leaf_path, OpenMode::read_only, world.random);
      ASSERT_TRUE(last) << last.error().text();
      ASSERT_EQ(first_difference(*last, world.oracle.live()), std::nullopt);
    }
  }
  fmt::print("{}: {} failures\n", GetParam().name, failures);
}

INSTANTIATE_TEST_SUITE_P(Operations, FailingChange,
                         testing::Values(Operation{"write_trim_close", write_and_flush},
                                         Operation{"compact", compact}, Operation{"resize", grow_and_shrink},
                                         Operation{"relink", point_to_parent_again},
                                         Operation{"checkpoint", make_and_remove_a_child}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace vhdlab::tests
