// Every layer there is, held to the one suite; and what only raw layers can show.
#include "tests/conformance/layer_conformance.h"

#include "engine/layer/extent_layer.h"
#include "engine/layer/raw_layer.h"
#include "engine/layer/vhdx_layer.h"

namespace vhdlab::tests {
namespace {

// Identities are drawn while a layer is open, so the source lives as long as the program.
SystemRandom& identities() {
  static SystemRandom random;
  return random;
}

LayerImplementation vhdx_layer(std::string name, uint32_t block_size, uint32_t sector_size, bool fixed) {
  return {std::move(name),
          [=](MemoryFileSystem& files, uint64_t disk_size) {
            vhdx::DiskMetadata metadata;
            metadata.disk_size_bytes = disk_size;
            metadata.block_size_bytes = block_size;
            metadata.logical_sector_size_bytes = sector_size;
            metadata.leave_blocks_allocated = fixed;
            const auto file = files.create("/disk");
            ASSERT_TRUE(file);
            ASSERT_TRUE(vhdx::Image::create(**file, metadata, identities()));
          },
          [](MemoryFileSystem& files, OpenMode mode) -> Result<std::unique_ptr<Layer>> {
            auto image = TRY(vhdx::Image::open(TRY(files.open("/disk", mode)), mode, identities()));
            return std::make_unique<VhdxLayer>("/disk", std::move(image));
          }};
}

LayerImplementation raw_layer() {
  return {"Raw",
          [](MemoryFileSystem& files, uint64_t disk_size) {
            const auto file = files.create("/disk");
            ASSERT_TRUE(file);
            ASSERT_TRUE((*file)->resize(disk_size));
          },
          [](MemoryFileSystem& files, OpenMode mode) -> Result<std::unique_ptr<Layer>> {
            return TRY(RawLayer::open("/disk", TRY(files.open("/disk", mode))));
          }};
}

// Tables in memory, content in a file: what an extent layer maps is held to the same as what an image maps.
LayerImplementation extent_layer(std::string name, ExtentDiskShape shape) {
  struct World {
    std::unique_ptr<ExtentTables> tables;
    TableMemory memory;
  };
  auto world = std::make_shared<World>();
  return {std::move(name),
          [=](MemoryFileSystem& files, uint64_t disk_size) mutable {
            shape.disk_size_bytes = disk_size;
            world->tables = std::make_unique<ExtentTables>(shape);
            const auto file = files.create("/disk");
            ASSERT_TRUE(file);
            ASSERT_TRUE((*file)->resize(world->tables->file_size_bytes()));
          },
          [=](MemoryFileSystem& files, OpenMode mode) -> Result<std::unique_ptr<Layer>> {
            return std::make_unique<ExtentLayer>("/disk", *world->tables, TRY(files.open("/disk", mode)),
                                                 mode, world->memory, 0);
          }};
}

INSTANTIATE_TEST_SUITE_P(
    Layers, LayerConformance,
    testing::Values(raw_layer(), vhdx_layer("DynamicVhdx", 2 * mib, 512, false),
                    vhdx_layer("DynamicVhdxOf32MiBBlocks", 32 * mib, 512, false),
                    vhdx_layer("DynamicVhdxOf4KiBSectors", 1 * mib, 4096, false),
                    vhdx_layer("FixedVhdx", 2 * mib, 512, true),
                    vhdx_layer("FixedVhdxOf4KiBSectors", 4 * mib, 4096, true),
                    extent_layer("DynamicExtents", {.block_size_bytes = 2 * mib}),
                    extent_layer("FixedExtentsOf4KiBSectors",
                                 {.block_size_bytes = 4 * mib, .sector_size_bytes = 4096, .fixed = true})),
    [](const auto& parameter) { return parameter.param.name; });

TEST(RawLayer, FileOfOddLengthIsADiskOfWholeSectors) {
  // Goal: the bytes behind the file's end read as zeros until they are written, and then as written.
  MemoryFileSystem files;
  {
    const auto file = std::move(*files.create("/raw"));
    ASSERT_TRUE(file->write(0, std::vector<std::byte>(700, std::byte{1})));
  }
  const auto layer = std::move(*RawLayer::open("/raw", std::move(*files.open("/raw", OpenMode::read_write))));
  EXPECT_EQ(layer->disk_size_bytes(), 1024U);
  std::vector<Extent> extents;
  ASSERT_TRUE(layer->resolve({0, 1024}, extents));
  ASSERT_EQ(extents.size(), 2U);
  EXPECT_EQ(extents[0], (Extent{ExtentKind::data, 0, 700, 0}));
  EXPECT_EQ(extents[1].kind, ExtentKind::zero);

  WritePlan plan;
  const std::vector<std::byte> data(512, std::byte{2});
  ASSERT_TRUE(layer->plan_write({512, 512}, plan));
  ASSERT_TRUE(carry_out(*layer, plan, 512, data));
  extents.clear();
  ASSERT_TRUE(layer->resolve({700, 324}, extents));
  ASSERT_EQ(extents.size(), 1U);
  EXPECT_EQ(extents[0], (Extent{ExtentKind::data, 700, 324, 700}));
}

}  // namespace
}  // namespace vhdlab::tests
