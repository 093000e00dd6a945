// The questions the peers are asked; each gives lanes and the figures made from
// them.
#pragma once

#include <memory>
#include <string>

#include "bench/peers/peer.h"
#include "bench/peers/rounds.h"

namespace vhdlab::peers {

// What a run of the program measures with.
struct Bench {
  DiskShape shape;  // of the deep chain
  uint32_t qemu_depth_max = 128;
  Nanoseconds duration{0};  // of one measurement of reads
  uint64_t merge_disk_bytes = 512 * mib;
  uint64_t first_writes = 20'000;
  std::string work_folder;
  std::string program;  // this program's path: memory and limits are measured in
                        // processes of their own

  std::unique_ptr<Peer> plain;
  std::unique_ptr<Peer> vhdlab;
  std::unique_ptr<Peer> places;  // vhdlab's files without vhdlab
  std::unique_ptr<Peer> qemu;    // none where qemu-img or qemu-io is missing
  std::unique_ptr<Peer> fio;     // none where fio is missing
};

// `bench` outlives the questions.
[[nodiscard]] Question cached_reads(Bench& bench);
[[nodiscard]] Question direct_reads(Bench& bench);
[[nodiscard]] Question sequential_reads(Bench& bench);
[[nodiscard]] Question chain_cost(Bench& bench);  // walking, opening, memory
[[nodiscard]] std::vector<Question> merges(Bench& bench);
[[nodiscard]] Question first_writes(Bench& bench);

// How many files a read of the deep chain asks in the mean, by the shape alone.
[[nodiscard]] double mean_layers_probed(const DiskShape& shape, uint32_t depth);

// ---- Run in a process of its own, by chain_cost ----

// Opens the chain with an index and reads every block of 4 KiB once.
[[nodiscard]] Result<void> read_whole_chain(const std::string& leaf_path);

// Opens the chain with at most this many open files; the text says how that
// went.
[[nodiscard]] std::string open_within_limit(const std::string& leaf_path, uint64_t files_max);

}  // namespace vhdlab::peers
