// Rebuilds the case of leftover AVHDX files, scaled down, for trying 'vhdlab disk family' on:
//
//   make_leftovers FOLDER [DISKS [CHECKPOINTS]]     2 and 15 where not given; about 1.3 GB
//
// Each disk of 1 GiB is half full. Every checkpoint sees a fifth of a hot sixteenth of the disk change again,
// and 8 MiB of new places; files are named as Windows names them. Content follows from the seed 30.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>

#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/io/posix_file_system.h"

namespace vhdlab::tests {
namespace {

constexpr uint64_t disk_size_bytes = 1 * gib;
constexpr uint64_t place_bytes = 64 * kib;
constexpr uint64_t hot_places = disk_size_bytes / 16 / place_bytes;

Result<void> write_places(Chain& chain, uint64_t first, uint64_t among, uint64_t count,
                          RandomSource& random) {
  WritePlan plan;
  AlignedBuffer buffer(place_bytes);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t place = first + random.next_u64() % among;
    for (uint64_t word = 0; word < place_bytes; word += sizeof(uint64_t)) {
      const uint64_t value = random.next_u64();
      std::memcpy(buffer.bytes().data() + word, &value, sizeof(value));
    }
    TRY(chain.write(place * place_bytes, buffer.bytes(), plan));
  }
  return {};
}

Result<void> make_disk(const std::string& folder, int number, int checkpoints, RandomSource& random) {
  PosixFileSystem files;
  const std::string stem = fmt::format("{}/disk{}", folder, number);
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = disk_size_bytes;
  metadata.block_size_bytes = vhdx::default_dynamic_block_size_bytes;
  metadata.virtual_disk_id = Guid::make_random(random);
  TRY(create_disk(files, stem + ".vhdx", metadata, random));
  Chain chain = TRY(open_chain(files, stem + ".vhdx", {.mode = OpenMode::read_write}, random));
  const uint64_t places = disk_size_bytes / place_bytes;
  TRY(write_places(chain, 0, places / 2, places / 4, random));
  for (int checkpoint = 0; checkpoint < checkpoints; ++checkpoint) {
    const std::string path = fmt::format("{}_{}.avhdx", stem, Guid::make_random(random).to_upper());
    TRY(take_checkpoint(files, chain, path, {}, CacheMode::buffered, random));
    TRY(write_places(chain, 0, hot_places, hot_places / 5, random));
    TRY(write_places(chain, hot_places, places - hot_places, 8 * mib / place_bytes, random));
  }
  return chain.close();
}

int run(const std::string& folder, int disks, int checkpoints) {
  std::filesystem::create_directories(folder);
  SeededRandom random(30);
  for (int disk = 1; disk <= disks; ++disk) {
    if (const auto made = make_disk(folder, disk, checkpoints, random); !made) {
      std::cerr << "make_leftovers: " << made.error().text() << "\n";
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace vhdlab::tests

int main(int argument_count, char** arguments) {
  if (argument_count < 2 || argument_count > 4) {
    std::cerr << "use: make_leftovers FOLDER [DISKS [CHECKPOINTS]]\n";
    return 2;
  }
  const int disks = argument_count > 2 ? std::atoi(arguments[2]) : 2;
  const int checkpoints = argument_count > 3 ? std::atoi(arguments[3]) : 15;
  return vhdlab::tests::run(arguments[1], disks, checkpoints);
}
