// Repairs give back the content there was before the damage, undoing gives back the damage.
#include "engine/format/vhdx/repair.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/engine/check/patient.h"
#include "tests/support/test_seed.h"

namespace vhdlab::vhdx {
namespace {

using tests::all_kinds;
using tests::Kind;
using tests::Patient;

RepairPlan plan_of(Patient& patient) {
  auto plan = plan_repair(*patient.file(), patient.check(), patient.random());
  if (!plan) throw std::runtime_error(plan.error().text());
  return *std::move(plan);
}

void repair(Patient& patient) {
  const auto done = carry_out(*patient.file(), plan_of(patient));
  ASSERT_TRUE(done) << done.error().text();
}

bool is_whole(const CheckReport& report) {
  return !report.has(Severity::damage) && !report.has(Severity::risk) &&
         std::ranges::none_of(report.findings, &Finding::is_repairable);
}

std::string names_of(const CheckReport& report) {
  std::string names;
  for (const Finding& finding : report.findings)
    names += finding.name + " (" + finding.found + ") ";
  return names;
}

// Damages the patient in up to five ways, all of them mendable; what it read as before.
tests::DiskContent damage_at_random(Patient& patient, Kind kind, SeededRandom& random) {
  auto toss = [&] { return random.next_u64() % 2 == 0; };
  const bool dirty = toss();
  const bool forget = dirty && toss();  // the log is all that knows block 5
  const auto untouched = patient.peek<std::array<std::byte, 4096>>(Patient::bat_offset);
  if (dirty) patient.write({5 * mib + 4096 * (random.next_u64() % 16), 8192}, false);
  auto truth = patient.content();
  if (forget) patient.poke_value(Patient::bat_offset, untouched);
  const size_t slot = random.next_u64() % 2;
  if (toss()) patient.poke_value(header_offsets[slot] + random.next_u64() % 4000, le64(random.next_u64()));
  if (toss()) {
    const uint64_t at = region_table_offsets[random.next_u64() % 2] + random.next_u64() % 60000;
    patient.poke_value(at, le64(random.next_u64()));
  }
  if (!dirty && kind != Kind::differencing && toss())
    patient.resize(patient.size_bytes() - random.next_u64() % (512 * kib));
  if (kind == Kind::differencing && toss()) {
    const uint64_t bitmap = patient.bitmap_offset();
    patient.poke_value(bitmap + 7 * 256 + random.next_u64() % 200, le64(random.next_u64()));
    patient.poke_value(bitmap + Patient::last_block * 256 + 128 + random.next_u64() % 100,
                       le64(random.next_u64()));
  }
  return truth;
}

TEST(Repair, GivesBackTheContentAndUndoGivesBackTheDamage) {
  // Goal: repair guesses nothing and undo forgets nothing. Method: random mendable damage to images of every
  // kind, content compared before and after; the same from every place a repair may be cut short.
  SeededRandom random(tests::test_seed());
  int repaired_count = 0;
  for (int round = 0; round < 120; ++round) {
    SCOPED_TRACE(round);
    const Kind kind = all_kinds[random.next_u64() % 3];
    Patient patient(kind, random.next_u64());
    const auto truth = damage_at_random(patient, kind, random);
    const auto damaged = patient.bytes();

    const RepairPlan plan = plan_of(patient);
    if (plan.empty()) {
      EXPECT_EQ(patient.content(), truth);
      continue;
    }
    auto undo = patient.files().create("/disk.undo");
    ASSERT_TRUE(undo);
    ASSERT_TRUE(save_undo(*patient.file(), plan, **undo));

    RepairPlan cut = plan;
    cut.steps.resize(random.next_u64() % plan.steps.size());
    ASSERT_TRUE(carry_out(*patient.file(), cut));
    if (random.next_u64() % 2 == 0) {  // undone half way
      const auto undone = undo_repair(*patient.file(), **undo);
      ASSERT_TRUE(undone) << undone.error().text();
      ASSERT_EQ(patient.bytes(), damaged);
    }
    repair(patient);
    EXPECT_TRUE(is_whole(patient.check())) << names_of(patient.check());
    EXPECT_EQ(patient.content(), truth);
    ++repaired_count;
  }
  EXPECT_GT(repaired_count, 60) << "most rounds damage something";
}

TEST(Repair, RefusesToTurnLostDataIntoZeros) {
  // Goal: bytes that somebody reads stay missed. Method: cut into the last block's data, tear a header too.
  Patient patient(Kind::dynamic);
  patient.resize(patient.size_bytes() - 512 * kib - 512);
  patient.poke_value(header_offsets[0], le64(1));
  const uint64_t size_bytes = patient.size_bytes();
  const RepairPlan plan = plan_of(patient);
  ASSERT_FALSE(plan.left.empty());
  EXPECT_EQ(plan.left.front().name, "vhdx-block-placement");
  ASSERT_TRUE(carry_out(*patient.file(), plan));
  EXPECT_EQ(patient.size_bytes(), size_bytes);
  EXPECT_EQ(patient.check().count_of("vhdx-header-torn"), 0);
  EXPECT_EQ(patient.check().count_of("vhdx-block-placement"), 1);
}

TEST(Repair, PlansNothingForAWholeFileAndForOneBeyondHelp) {
  // Goal: no step without need or ground. Method: a clean image; one without headers.
  Patient clean(Kind::differencing);
  EXPECT_TRUE(plan_of(clean).empty());
  Patient lost(Kind::dynamic);
  for (uint64_t at : header_offsets)
    lost.poke_value(at, le64(1));
  lost.poke_value(region_table_offsets[1], le64(1));
  EXPECT_TRUE(plan_of(lost).empty());
}

TEST(Repair, KeepsTheDataIdentity) {
  // Goal: children still fit after a repair. Method: compare both GUIDs; FileWriteGuid must be new.
  Patient patient(Kind::dynamic);
  patient.write({5 * mib, 4096}, false);
  const auto before = patient.check().state.header->fields;
  repair(patient);
  const auto after = patient.check().state.header->fields;
  EXPECT_EQ(after.data_write_guid, before.data_write_guid);
  EXPECT_NE(after.file_write_guid, before.file_write_guid);
  EXPECT_TRUE(after.log_guid.is_zero());
}

TEST(Repair, RefusesAFileThatChangedSinceItsPlan) {
  // Goal: a plan is only for what was looked at. Method: write between plan and execution.
  Patient patient(Kind::dynamic);
  patient.poke_value(header_offsets[0], le64(1));
  const RepairPlan plan = plan_of(patient);
  patient.write({6 * mib, 4096});
  const auto before = patient.bytes();
  const auto done = carry_out(*patient.file(), plan);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, "repair-file-changed");
  EXPECT_EQ(patient.bytes(), before);
}

TEST(Repair, SaysEveryStepInWords) {
  // Goal: a plan can be read. Method: the steps for a torn header.
  Patient patient(Kind::dynamic);
  const size_t torn = 1 - patient.check().state.header->slot;
  patient.poke_value(header_offsets[torn], le64(1));
  const RepairPlan plan = plan_of(patient);
  ASSERT_EQ(plan.steps.size(), 2);
  EXPECT_EQ(text_of(plan.steps[0])
                .find(torn == 0 ? "write 4096 bytes at 0x10000: header 1"
                                : "write 4096 bytes at 0x20000: header 2"),
            0)
      << text_of(plan.steps[0]);
}

TEST(UndoRepair, RefusesAnImageThatWasWrittenToSince) {
  // Goal: undoing never destroys later writes. Method: write after the repair, then undo.
  Patient patient(Kind::dynamic);
  patient.poke_value(header_offsets[0], le64(1));
  const RepairPlan plan = plan_of(patient);
  auto undo = patient.files().create("/disk.undo");
  ASSERT_TRUE(save_undo(*patient.file(), plan, **undo));
  ASSERT_TRUE(carry_out(*patient.file(), plan));
  patient.write({6 * mib, 4096});
  const auto before = patient.bytes();
  const auto undone = undo_repair(*patient.file(), **undo);
  ASSERT_FALSE(undone);
  EXPECT_EQ(undone.error().fault, "undo-file-changed");
  EXPECT_EQ(patient.bytes(), before);
}

TEST(UndoRepair, RefusesAnUndoFileThatIsNotWhole) {
  // Goal: nothing is put back from damaged bytes. Method: flip each of some bytes, and cut the file.
  Patient patient(Kind::dynamic);
  patient.write({5 * mib, 4096}, false);
  const RepairPlan plan = plan_of(patient);
  auto undo = patient.files().create("/disk.undo");
  ASSERT_TRUE(save_undo(*patient.file(), plan, **undo));
  ASSERT_TRUE(carry_out(*patient.file(), plan));
  const auto before = patient.bytes();
  const uint64_t size_bytes = *(*undo)->size_bytes();
  for (uint64_t at : {uint64_t{0}, uint64_t{30}, uint64_t{4096 + 24 + 7}, size_bytes - 1}) {
    std::array<std::byte, 1> byte;
    ASSERT_TRUE((*undo)->read(at, byte));
    const auto kept = byte;
    byte[0] ^= std::byte{0x40};
    ASSERT_TRUE((*undo)->write(at, byte));
    const auto undone = undo_repair(*patient.file(), **undo);
    ASSERT_FALSE(undone) << at;
    EXPECT_EQ(undone.error().fault, "undo-malformed");
    ASSERT_TRUE((*undo)->write(at, kept));
  }
  ASSERT_TRUE((*undo)->resize(size_bytes - 1));
  EXPECT_FALSE(undo_repair(*patient.file(), **undo));
  EXPECT_EQ(patient.bytes(), before);
}

}  // namespace
}  // namespace vhdlab::vhdx
