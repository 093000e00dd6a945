// A machine on files and what each of its restore points must read as: for tests that take it through
// operations, cut or whole.
#pragma once

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/chain/chain_open.h"
#include "engine/checkpoint/checkpoint_operations.h"

namespace vhdlab::tests {

using DiskContents = std::vector<std::vector<std::byte>>;      // by disk
using MachineContents = std::map<RestorePoint, DiskContents>;  // what can be gone back to

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

inline std::vector<std::byte> content_of(FileSystem& files, const std::string& path, RandomSource& random) {
  const Chain chain = must(open_chain(files, path, {}, random));
  std::vector<std::byte> content(chain.disk_size_bytes());
  ReadPlan plan;
  must(chain.read(0, content, plan));
  return content;
}

// Everything the manifest in `folder` promises, read from the files.
inline MachineContents contents_of(FileSystem& files, const std::string& folder, const CheckpointTree& tree,
                                   RandomSource& random) {
  MachineContents contents;
  auto add = [&](const RestorePoint& point) {
    for (const DiskFiles& disk : tree.disks)
      contents[point].push_back(content_of(files, folder + "/" + chain_of(disk, point).front(), random));
  };
  for (const Checkpoint& checkpoint : tree.checkpoints)
    add(checkpoint.id);
  add(restore_point_now);
  return contents;
}

// "" where the folder holds the machine's files and nothing else of its kind.
inline std::string leaked_files(FileSystem& files, const std::string& folder, const CheckpointTree& tree) {
  std::set<std::string> expected = {"machine.vhdlab", "machine.vhdlab.lock"};
  for (const DiskFiles& disk : tree.disks) {
    for (const auto& [path, parent] : disk.parent_of)
      expected.insert(path);
  }
  std::string wrong;
  for (const std::string& name : must(files.list(folder))) {
    if (expected.erase(name) == 0) wrong += " left over: " + name;
  }
  for (const std::string& name : expected)
    wrong += " missing: " + name;
  return wrong;
}

// Writes some pieces of noise into Now, on every disk.
inline void write_noise(FileSystem& files, const std::string& folder, const CheckpointTree& tree,
                        RandomSource& random, int pieces = 3) {
  for (const DiskFiles& disk : tree.disks) {
    Chain chain = must(open_chain(files, folder + "/" + disk.now, {.mode = OpenMode::read_write}, random));
    WritePlan plan;
    for (int i = 0; i < pieces; ++i) {
      std::vector<std::byte> data((1 + random.next_u64() % 32) * 4096);
      for (size_t at = 0; at < data.size(); at += 8) {
        const uint64_t word = random.next_u64();
        std::memcpy(data.data() + at, &word, sizeof(word));
      }
      const uint64_t sectors = (chain.disk_size_bytes() - data.size()) / 512;
      must(chain.write(random.next_u64() % sectors * 512, data, plan));
    }
    must(chain.close());
  }
}

}  // namespace vhdlab::tests
