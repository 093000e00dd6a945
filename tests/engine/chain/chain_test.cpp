// Reading and writing through a chain: who answers for which byte, and how many layers were asked.
#include <thread>

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "engine/io/posix_file_system.h"
#include "engine/layer/raw_layer.h"
#include "tests/engine/chain/chain_workbench.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {
namespace {

class ChainTest : public testing::Test {
 protected:
  MemoryFileSystem files;
  ChainWorkbench bench{files, "/vm", 11};
};

TEST_F(ChainTest, NewestLayerThatHoldsAByteAnswersForIt) {
  // Goal: precedence, in runs smaller than a block. Method: overlapping writes over four layers.
  bench.create_base({});
  bench.fill({0, 4 * mib}, 1);
  bench.checkpoint();
  bench.fill({1 * mib, 2 * mib + 512}, 2);
  bench.checkpoint();
  bench.fill({512, 1 * mib}, 3);
  bench.zero({2 * mib, 512});
  bench.checkpoint();
  bench.fill({2 * mib + 1024, 512}, 4);
  EXPECT_EQ(bench.difference(), "");
  bench.open(OpenMode::read_only);
  EXPECT_EQ(bench.difference(), "") << "after opening again";
}

TEST_F(ChainTest, ZeroedBlockHidesWhatOlderLayersHold) {
  bench.create_base({});
  bench.fill({0, 12 * mib}, 1);
  bench.checkpoint();
  bench.zero({0, 3 * mib});
  bench.zero({5 * mib + 512, 1 * mib});
  EXPECT_EQ(bench.difference(), "");
  bench.checkpoint();
  bench.fill({512, 512}, 2);
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(ChainTest, ChildMayBeLargerOrSmallerThanItsParent) {
  // Goal: past a parent's end there are zeros, also where a larger grandparent lies below a smaller parent.
  bench.create_base({.disk_size_bytes = 12 * mib});
  bench.fill({0, 12 * mib}, 1);
  bench.checkpoint({.block_size_bytes = 2 * mib, .disk_size_bytes = 5 * mib + 512});
  bench.fill({3 * mib, 512}, 2);
  EXPECT_EQ(bench.difference(), "");
  bench.checkpoint({.block_size_bytes = 4 * mib, .disk_size_bytes = 16 * mib});
  EXPECT_EQ(bench.difference(), "");
  bench.fill({15 * mib, 1 * mib}, 3);
  EXPECT_EQ(bench.difference(), "");
  EXPECT_EQ(bench.read({5 * mib + 512, 512}), filled(512, 0));
}

TEST_F(ChainTest, LayersMayDifferInBlockSize) {
  bench.create_base({.disk_size_bytes = 20 * mib, .block_size_bytes = 32 * mib});
  bench.fill({0, 20 * mib}, 1);
  for (uint32_t block_mib : {8, 1, 256, 2}) {
    bench.checkpoint({.block_size_bytes = static_cast<uint32_t>(block_mib * mib), .disk_size_bytes = 0});
    bench.fill({block_mib % 8 * mib + 512 * block_mib, 700 * 512}, static_cast<uint8_t>(block_mib));
  }
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(ChainTest, FourKiBSectorsAreInheritedAndKept) {
  bench.create_base({.sector_size_bytes = 4096});
  bench.fill({4096, 8192}, 1);
  bench.checkpoint();
  EXPECT_EQ(bench.chain->sector_size_bytes(), 4096U);
  bench.fill({8192, 4096}, 2);
  EXPECT_EQ(bench.difference(), "");
  WritePlan plan;
  EXPECT_EQ(fault_of(bench.chain->write(512, filled(512, 1), plan)), "disk-alignment");
}

TEST_F(ChainTest, RefusesRangesOutsideTheDisk) {
  bench.create_base({});
  ReadPlan read_plan;
  WritePlan write_plan;
  std::vector<std::byte> buffer(1024);
  EXPECT_EQ(fault_of(bench.chain->read(12 * mib - 512, buffer, read_plan)), "disk-range");
  EXPECT_EQ(fault_of(bench.chain->read(~uint64_t{0}, buffer, read_plan)), "disk-range");
  EXPECT_EQ(fault_of(bench.chain->write(12 * mib, buffer, write_plan)), "disk-range");
  EXPECT_EQ(fault_of(bench.chain->zero({~uint64_t{511}, 1024}, write_plan)), "disk-range");
  EXPECT_EQ(fault_of(bench.chain->write(1, buffer, write_plan)), "disk-alignment");
}

TEST_F(ChainTest, OlderLayersAreNotTouchedByWritesToTheLeaf) {
  bench.create_base({});
  bench.fill({0, 1 * mib}, 1);
  bench.checkpoint();
  const auto bytes_of_base = [&] {
    const auto file = must(files.open(bench.paths[0], OpenMode::read_only));
    std::vector<std::byte> bytes(must(file->size_bytes()));
    must(file->read(0, bytes));
    return bytes;
  };
  const auto before = bytes_of_base();
  bench.fill({0, 2 * mib}, 2);
  bench.zero({512, 512});
  bench.close();
  EXPECT_TRUE(bytes_of_base() == before);
}

// ---- How many layers a read asks ----

TEST_F(ChainTest, EvenlySpreadDataIsFoundAfterHalfTheLayersOnAverage) {
  // Goal: the law mean = 1 + d/2. Method: block b is last written in layer b mod (d+1), every block read
  // once.
  constexpr uint64_t depth = 7;
  bench.create_base({.disk_size_bytes = 64 * mib});
  for (uint64_t layer = 0; layer <= depth; ++layer) {
    if (layer > 0) bench.checkpoint();
    for (uint64_t block = layer; block < 64; block += depth + 1)
      bench.fill({block * mib, 1 * mib}, static_cast<uint8_t>(layer + 1));
  }
  uint64_t probed = 0;
  ReadPlan plan;
  std::vector<std::byte> buffer(4096);
  for (uint64_t block = 0; block < 64; ++block) {
    must(bench.chain->read(block * mib + 8192, buffer, plan));
    probed += plan.layers_probed;
  }
  EXPECT_EQ(probed * 2, 64 * (2 + depth));
}

TEST_F(ChainTest, ReadOfWhatNobodyWroteAsksEveryLayer) {
  bench.create_base({});
  for (int layer = 0; layer < 5; ++layer)
    bench.checkpoint();
  ReadPlan plan;
  must(bench.chain->resolve({0, 4096}, plan));
  EXPECT_EQ(plan.layers_probed, 6U);
  ASSERT_EQ(plan.segments.size(), 1U);
  EXPECT_TRUE(plan.segments[0].is_zero);
}

TEST_F(ChainTest, EveryTablePageIsNamedWhenItIsReadAndOnlyCountedLater) {
  // Goal: what a read costs in tables is told exactly. Method: the same read twice after opening; the leaf
  // holds one sector of the block, so its table and its bitmap are looked at, then the base's table.
  bench.create_base({});
  bench.fill({0, 1 * mib}, 1);
  bench.checkpoint();
  bench.fill({512, 512}, 2);
  bench.open(OpenMode::read_only);
  ReadPlan plan;
  must(bench.chain->resolve({1024, 512}, plan));
  EXPECT_EQ(plan.tables.lookups, 3U);
  ASSERT_EQ(plan.tables.reads.size(), 3U);
  auto& leaf = dynamic_cast<VhdxLayer&>(bench.chain->leaf()).image();
  auto& base = dynamic_cast<VhdxLayer&>(*bench.chain->layers()[0]).image();
  EXPECT_EQ(plan.tables.reads[0], (TableRead{1, leaf.regions().bat.offset}));
  EXPECT_EQ(plan.tables.reads[1].layer, 1U);
  EXPECT_EQ(plan.tables.reads[2], (TableRead{0, base.regions().bat.offset}));
  must(bench.chain->resolve({1024, 512}, plan));
  EXPECT_EQ(plan.tables.lookups, 3U);
  EXPECT_TRUE(plan.tables.reads.empty());
}

TEST_F(ChainTest, SegmentsCoverTheRangeInOrderAndNameTheirLayer) {
  bench.create_base({});
  bench.fill({0, 12 * mib}, 1);
  bench.checkpoint();
  bench.fill({1 * mib + 512, 512}, 2);
  bench.checkpoint();
  bench.zero({1 * mib + 1024, 512});
  ReadPlan plan;
  must(bench.chain->resolve({1 * mib, 2048}, plan));
  ASSERT_EQ(plan.segments.size(), 4U);
  uint64_t at = 1 * mib;
  for (const ReadSegment& segment : plan.segments) {
    EXPECT_EQ(segment.virtual_offset, at);
    at += segment.length;
  }
  EXPECT_EQ(at, 1 * mib + 2048);
  EXPECT_EQ(plan.segments[0].layer, 0U);
  EXPECT_EQ(plan.segments[1].layer, 1U);
  EXPECT_EQ(plan.segments[3].layer, 0U);
}

TEST_F(ChainTest, FirstWriteIntoABlockMakesTheIndexForgetAllOfIt) {
  // Goal: a later write into the same block, which changes no table, is seen. Method: two single sectors, far
  // apart in one block, with the whole disk looked up before each.
  bench.finding.resolve = ResolveMode::index;
  bench.create_base({.block_size_bytes = 8 * mib});
  EXPECT_EQ(bench.difference(), "");
  bench.fill({0, 512}, 1);
  EXPECT_EQ(bench.difference(), "");
  bench.fill({7 * mib, 512}, 2);
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(ChainTest, AWriteInStagesMakesTheIndexForgetAllOfItsBlock) {
  // Goal: the same where a caller moves the bytes itself between planning and publishing, as queues do.
  bench.finding.resolve = ResolveMode::index;
  bench.create_base({.block_size_bytes = 8 * mib});
  for (const uint64_t offset : {uint64_t{0}, 7 * mib}) {
    EXPECT_EQ(bench.difference(), "");  // looks up all of the disk
    const std::vector<std::byte> data(512, std::byte{1});
    WritePlan plan;
    must(bench.chain->plan_write({offset, data.size()}, plan));
    must(bench.chain->leaf().file().write(plan.data[0].file_offset, data));
    must(bench.chain->publish_write({offset, data.size()}, plan));
    std::ranges::copy(data, bench.model.begin() + static_cast<ptrdiff_t>(offset));
  }
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(ChainTest, IndexSeesWhatIsWrittenIntoTheHolesOfARawDisk) {
  // Goal: a raw file has no tables to publish, and still its holes become data. Method: look up, write, read.
  auto file = must(bench.files.create("/raw"));
  must(file->resize(1 * mib));
  file.reset();
  Chain raw = must(
      open_chain(bench.files, "/raw",
                 {.mode = OpenMode::read_write, .format = DiskFormat::raw, .resolve = ResolveMode::index},
                 bench.random));
  std::vector<std::byte> found(4096);
  ReadPlan read_plan;
  must(raw.read(0, found, read_plan));
  const std::vector<std::byte> data(4096, std::byte{3});
  WritePlan write_plan;
  must(raw.write(0, data, write_plan));
  must(raw.read(0, found, read_plan));
  EXPECT_TRUE(found == data);
}

TEST_F(ChainTest, IndexKeepsToItsLimitAndAnswersAsTheWalkDoes) {
  // Goal: the limit holds for a fragmented disk, and what had to go is found again. Method: every other
  // sector of 8 MiB in the leaf, 16 regions of about 12 KiB of runs, and room for three of them.
  bench.create_base({});
  bench.fill({0, 12 * mib}, 1);
  bench.checkpoint();
  for (uint64_t sector = 0; sector < 8 * mib / 512; sector += 2)
    bench.fill({sector * 512, 512}, static_cast<uint8_t>(2 + sector % 250));
  constexpr uint64_t limit = 40 * kib;
  bench.finding = {.resolve = ResolveMode::index, .metadata_cache_bytes = {}, .index_memory_bytes = limit};
  bench.open(OpenMode::read_only);
  for (int i = 0; i < 2; ++i)
    (void)bench.read({10 * mib, 512});  // a region in one run
  const uint64_t unlimited_part = bench.chain->index_memory_bytes();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(bench.difference(), "");
    EXPECT_LE(bench.chain->index_memory_bytes(), unlimited_part + limit + 4 * kib);  // whole slabs of 4 KiB
    EXPECT_GE(bench.chain->index_memory_bytes(), unlimited_part + limit / 2);
  }
}

TEST_F(ChainTest, ChainOfMoreLayersThanFilesMayBeOpenIsRefusedWithTheLimit) {
  // Goal: who meets 'ulimit -n' is told so, and how to go on. Method: 40 layers on the host, a limit of 30.
  TemporaryFolder folder;
  PosixFileSystem host;
  ChainWorkbench deep(host, folder.path().string(), 3);
  deep.create_base({});
  for (int layer = 0; layer < 40; ++layer)
    deep.checkpoint();
  deep.close();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit lower{30, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lower), 0);
  const auto refused = open_chain(host, deep.paths.back(), {}, deep.random);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, "file-too-many-open");
  EXPECT_THAT(refused.error().text(), testing::HasSubstr("may have 30 files open"));
  EXPECT_THAT(refused.error().text(), testing::HasSubstr("ulimit -n"));
  deep.open(OpenMode::read_only);
  EXPECT_EQ(deep.difference(), "");
}

// ---- Copies ----

TEST_F(ChainTest, CopyFlattensAChainAndLeavesZerosOut) {
  // Goal: the copy reads the same, between sector sizes too, and holds no block of zeros.
  for (uint32_t target_sector : {512U, 4096U}) {
    MemoryFileSystem own_files;
    ChainWorkbench source(own_files, "/vm", 3);
    source.create_base({.disk_size_bytes = 12 * mib});
    source.fill({512, 3 * mib}, 1);
    source.checkpoint();
    source.fill({7 * mib + 1536, 512}, 2);
    source.zero({1 * mib, 1 * mib});
    source.fill({9 * mib, 1 * mib}, 0);  // data that happens to be zeros
    ChainWorkbench target(own_files, "/copy", 4);
    target.create_base({.disk_size_bytes = 16 * mib, .sector_size_bytes = target_sector});
    uint64_t last_progress = 0;
    const auto progress = [&](uint64_t done, uint64_t total) {
      EXPECT_GE(done, last_progress);
      EXPECT_EQ(total, 12 * mib);
      last_progress = done;
    };
    const CopyOutcome outcome = must(copy_disk(*source.chain, *target.chain, progress, {}));
    EXPECT_EQ(last_progress, 12 * mib);
    EXPECT_LE(outcome.bytes_written, 2 * mib + 256 * kib);
    target.model = source.model;
    target.model.resize(16 * mib);
    EXPECT_EQ(target.difference(), "");
    const auto& layer = dynamic_cast<VhdxLayer&>(target.chain->leaf());
    EXPECT_EQ(must(const_cast<VhdxLayer&>(layer).image().census()).fully_present, 4U);
  }
}

TEST_F(ChainTest, CopyStopsWhenAsked) {
  bench.create_base({});
  bench.fill({0, 12 * mib}, 1);
  ChainWorkbench target(files, "/copy", 4);
  target.create_base({});
  int asked = 0;
  EXPECT_EQ(fault_of(copy_disk(*bench.chain, *target.chain, {}, [&] { return ++asked > 2; })),
            "copy-interrupted");
}

TEST_F(ChainTest, CopyFromARawFileOfOddLengthFillsTheLastSectorWithZeros) {
  auto file = must(files.create("/raw"));
  must(file->write(0, filled(1 * mib + 100, 7)));
  file.reset();
  const Chain raw = must(open_chain(files, "/raw", {.format = DiskFormat::raw}, bench.random));
  EXPECT_EQ(raw.disk_size_bytes(), 1 * mib + 512);
  bench.create_base({});
  must(copy_disk(raw, *bench.chain, {}, {}));
  std::memset(bench.model.data(), 7, 1 * mib + 100);
  EXPECT_EQ(bench.difference(), "");
}

}  // namespace
}  // namespace vhdlab::tests
