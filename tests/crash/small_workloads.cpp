// The steps of each small workload; see small_workloads.h.
#include "tests/crash/small_workloads.h"

namespace vhdlab::tests {
namespace {

void first_writes(CrashWorkload& disk) {
  disk.write(0, disk.disk_size_bytes() >= 4 * mib ? 4096 : 8192);
  disk.flush();
  disk.write(1 * mib, 4096);
  disk.write(2 * mib + 64 * kib, 4096);
  disk.flush();
  disk.close_and_reopen();
}

void overwrites(CrashWorkload& disk) {
  disk.write(4096, 8192);
  disk.flush();
  disk.write(4096, 4096);
  disk.write(4096, 4096);  // two versions wait for one flush
  disk.write(8192, 4096);
  disk.flush();
  disk.write(4096, 4096);
  disk.close_and_reopen();
  disk.write(4096, 4096);
}

void zeros(CrashWorkload& disk) {
  disk.write(0, 8192);
  disk.write(1 * mib, 4096);
  disk.flush();
  disk.zero(0, 1 * mib);
  disk.zero(1 * mib, 4096);
  disk.flush();
  disk.write(4096, 4096);  // in the block that was zeroed
  disk.zero(2 * mib, 4096);
  disk.flush();
  disk.zero(0, 3 * mib);
  disk.write(0, 4096);  // zeroed and written again before the flush
  disk.close_and_reopen();
}

void whole_blocks(CrashWorkload& disk) {
  disk.write(0, 1 * mib);
  disk.flush();
  disk.write(1 * mib, 1 * mib);
  disk.zero(0, 1 * mib);
  disk.flush();
}

void checkpoints(CrashWorkload& disk) {
  disk.write(0, 4096);
  disk.checkpoint(1 * mib);
  disk.write(4096, 4096);  // partly present
  disk.flush();
  disk.write(0, 4096);
  disk.write(2 * mib, 4096);
  disk.flush();
  disk.checkpoint(2 * mib);
  disk.write(0, 1 * mib);
  disk.zero(2 * mib, 4096);
  disk.flush();
  disk.zero(1 * mib, 1 * mib);
  disk.write(1 * mib, 4096);
  disk.close_and_reopen();
}

// Blocks that give up their space, and others that take it after the next opening: no sector of a new block
// may show what the old one held.
void space_reuse(CrashWorkload& disk) {
  disk.write(0, 1 * mib);
  disk.write(1 * mib, 1 * mib);
  disk.flush();
  disk.trim(0, 1 * mib);
  disk.flush();
  disk.close_and_reopen();
  disk.write(2 * mib + 4096, 4096);  // goes where block 0 was
  disk.trim(1 * mib, 1 * mib);
  disk.flush();
  disk.write(4096, 4096);
  disk.close_and_reopen();
  disk.write(1 * mib + 8192, 8192);  // goes where block 1 was
  disk.trim(2 * mib, 1 * mib);
  disk.write(2 * mib, 4096);  // trimmed and written again before the flush
  disk.flush();
}

// The same above a parent that holds data everywhere, which must not show through what was trimmed.
void space_reuse_above_a_parent(CrashWorkload& disk) {
  disk.keep_power();
  disk.write(0, 3 * mib);
  disk.checkpoint(1 * mib);
  disk.let_power_fail();
  disk.write(4096, 4096);
  disk.write(1 * mib, 1 * mib);
  disk.flush();
  disk.trim(0, 2 * mib);
  disk.flush();
  disk.close_and_reopen();
  disk.write(2 * mib + 4096, 4096);
  disk.write(8192, 4096);
  disk.flush();
}

// Entries of two sectors in a ring of 256, of which the last two stay free, and one of a single sector to
// begin with: number 127 is the first that begins anew.
void log_wrap(CrashWorkload& disk) {
  disk.keep_power();
  for (int i = 0; i < 140; ++i) {
    if (i == 124) disk.let_power_fail();
    disk.zero(0, 1 * mib);
    disk.write(4096, 4096);
    disk.flush();
    if (i == 132) disk.close_and_reopen();
  }
}

}  // namespace

std::vector<SmallWorkload> small_workloads() {
  const DiskShape dynamic{};
  const DiskShape fixed{.fixed = true};
  const DiskShape large_sectors{.sector_size_bytes = 4096};
  const DiskShape odd_end{.disk_size_bytes = 5 * mib + 512 * kib, .block_size_bytes = 2 * mib};
  const DiskShape eight{.disk_size_bytes = 8 * mib};
  return {
      {"dynamic_first_writes", dynamic, first_writes},
      {"dynamic_overwrites", dynamic, overwrites},
      {"dynamic_zeros", dynamic, zeros},
      {"dynamic_whole_blocks", dynamic, whole_blocks},
      {"dynamic_4k_zeros", large_sectors, zeros},
      {"fixed_first_writes", fixed, first_writes},
      {"fixed_overwrites", fixed, overwrites},
      {"fixed_zeros", fixed, zeros},
      {"differencing", dynamic, checkpoints},
      {"differencing_4k", large_sectors, checkpoints},
      {"differencing_odd_end", odd_end, checkpoints},
      {"differencing_on_fixed", DiskShape{.disk_size_bytes = 4 * mib, .fixed = true}, checkpoints},
      {"first_writes_8_mib", eight, first_writes},
      {"log_wrap", dynamic, log_wrap},
      {"dynamic_space_reuse", dynamic, space_reuse},
      {"dynamic_4k_space_reuse", large_sectors, space_reuse},
      {"fixed_space_reuse", fixed, space_reuse},
      {"differencing_space_reuse", dynamic, space_reuse_above_a_parent},
  };
}

}  // namespace vhdlab::tests
