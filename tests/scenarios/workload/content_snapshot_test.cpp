// A disk's content at one moment: small, and the same when it comes back.
#include "scenarios/workload/content_snapshot.h"

#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace vhdlab::tests {
namespace {

using namespace scenarios;

TEST(ContentSnapshot, ComesBackAsItWas) {
  // Goal: every sector's generation survives, also of sectors never written. Method: random overlapping
  // writes.
  constexpr uint64_t disk_size = 8 * mib;
  ContentLedger ledger(disk_size);
  SeededRandom random(3);
  for (uint32_t generation = 1; generation <= 20; ++generation) {
    const uint64_t sectors = 1 + random.next_u64() % 512;
    const uint64_t first = random.next_u64() % (disk_size / content_sector_bytes - sectors);
    ledger.record({first * content_sector_bytes, sectors * content_sector_bytes}, generation);
  }
  const auto back = ContentSnapshot::of(ledger).ledger();
  for (uint64_t offset = 0; offset < disk_size; offset += content_sector_bytes)
    ASSERT_EQ(back->generation_at(offset), ledger.generation_at(offset)) << offset;
  EXPECT_EQ(back->written_sectors(), ledger.written_sectors());
}

TEST(ContentSnapshot, IsAsLargeAsItsRunsAreMany) {
  // Goal: a filled disk costs one run, so that hundreds of checkpoints may be remembered. Method: 64 MiB in
  // order, one block written again.
  ContentLedger ledger(64 * mib);
  ledger.record({0, 64 * mib}, 1);
  EXPECT_EQ(ContentSnapshot::of(ledger).run_count(), 1U);
  ledger.record({8 * mib, 64 * kib}, 2);
  EXPECT_EQ(ContentSnapshot::of(ledger).run_count(), 3U);
  EXPECT_EQ(ContentSnapshot::of(ContentLedger(1 * tib)).run_count(), 0U);
}

}  // namespace
}  // namespace vhdlab::tests
