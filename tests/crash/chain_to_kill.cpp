// Making and copying chains; see chain_to_kill.h.
#include "tests/crash/chain_to_kill.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/chain/chain_open.h"
#include "engine/io/posix_file_system.h"
#include "tests/crash/crash_check.h"

namespace vhdlab::tests {

namespace filesystem = std::filesystem;

std::string layer_name(LayerIndex layer) {
  return layer == 0 ? "base.vhdx" : fmt::format("{}.avhdx", layer);
}

void make_chain_to_kill(const filesystem::path& folder, LayerIndex depth, int writes, RandomSource& random) {
  PosixFileSystem files;
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = 16 * mib;
  metadata.block_size_bytes = 1 * mib;
  metadata.virtual_disk_id = Guid::make_random(random);
  ASSERT_TRUE(create_disk(files, folder / layer_name(0), metadata, random));
  for (LayerIndex layer = 0; layer <= depth; ++layer) {
    const std::string path = folder / layer_name(layer);
    if (layer > 0) {
      ASSERT_TRUE(
          create_child(files, folder / layer_name(layer - 1), path, {.block_size_bytes = 1 * mib}, random));
    }
    auto chain = open_chain(files, path, {.mode = OpenMode::read_write}, random).value();
    WritePlan plan;
    for (int i = 0; i < writes; ++i) {
      const uint64_t length = (1 + pick(random, 32)) * 4 * kib;
      const uint64_t offset = pick(random, (16 * mib - length) / 512) * 512;
      ASSERT_TRUE(chain.write(offset, random_bytes(length, random), plan));
    }
    ASSERT_TRUE(chain.zero({pick(random, 16) * mib, 1 * mib}, plan));
    ASSERT_TRUE(chain.close());
  }
}

void copy_chain(const filesystem::path& from, const filesystem::path& to, LayerIndex depth) {
  filesystem::remove_all(to);
  filesystem::create_directory(to);
  for (LayerIndex layer = 0; layer <= depth; ++layer)
    filesystem::copy_file(from / layer_name(layer), to / layer_name(layer));
}

}  // namespace vhdlab::tests
