// Which header counts, which region table counts, and when identities change.
#include "engine/format/vhdx/header.h"

#include "tests/engine/format/image_workbench.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;

uint64_t sequence_of(ImageWorkbench& bench, size_t slot) {
  return bench.header(slot).sequence_number;
}

size_t newer_slot(ImageWorkbench& bench) {
  return sequence_of(bench, 0) > sequence_of(bench, 1) ? 0 : 1;
}

TEST(CurrentHeader, IsTheIntactOneWithTheHigherSequenceNumber) {
  // Goal: either slot can be the current one. Method: swap the numbers and see whose identity is shown.
  for (size_t newest : {0, 1}) {
    ImageWorkbench bench;
    bench.create_with_data(ImageWorkbench::dynamic_disk());
    for (size_t slot : {0, 1}) {
      bench.edit_header(slot, [&](Header& header) {
        header.sequence_number = slot == newest ? 900 : 899;
        header.data_write_guid = slot == newest ? bat_region_id : metadata_region_id;
      });
    }
    EXPECT_EQ(bench.open(OpenMode::read_only)->header().data_write_guid, bat_region_id);
  }
}

TEST(CurrentHeader, TornNewerHeaderLosesToTheOlderOne) {
  // Goal: a cut while a header is written costs nothing. Method: break the newer header at several places.
  for (uint64_t torn_at : {0, 4, 8, 512, 2048, 4095}) {
    ImageWorkbench bench;
    bench.create_with_data(ImageWorkbench::dynamic_disk());
    const size_t newer = newer_slot(bench);
    const uint64_t older_sequence = sequence_of(bench, 1 - newer);
    bench.flip_byte(header_offsets[newer] + torn_at);
    const auto image = bench.open();
    EXPECT_EQ(image->header().sequence_number, older_sequence) << torn_at;
    write_guest(*image, 0, filled(512, 0x33));
    must(image->close());
    EXPECT_EQ(read_guest(*bench.open(OpenMode::read_only), {0, 512}), filled(512, 0x33));
  }
}

TEST(CurrentHeader, TwoIdenticalHeadersAreFine) {
  // Goal: files as Disk2vhd writes them open, and can be written. Method: copy one header over the other.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  put(*bench.file(), header_offsets[0], bench.header(1));
  const auto image = bench.open();
  write_guest(*image, 0, filled(512, 0x44));
  must(image->close());
  EXPECT_EQ(read_guest(*bench.open(OpenMode::read_only), {0, 512}), filled(512, 0x44));
}

TEST(CurrentHeader, UpdateWritesTheOtherSlotWithTheNextNumber) {
  // Goal: the old header stands until the new one is whole. Method: two updates, watching both slots.
  ImageWorkbench bench;
  bench.create(ImageWorkbench::dynamic_disk());
  const auto file = bench.file();
  CurrentHeader current = must(read_current_header(*file, must(file->size_bytes())));
  for (int update = 0; update < 2; ++update) {
    const CurrentHeader before = current;
    must(write_next_header(*file, current));
    EXPECT_EQ(current.slot, 1 - before.slot);
    EXPECT_EQ(current.fields.sequence_number, before.fields.sequence_number + 1);
    EXPECT_EQ(get<Header>(*file, header_offsets[before.slot]).sequence_number, before.fields.sequence_number);
    EXPECT_EQ(must(read_current_header(*file, must(file->size_bytes()))).slot, current.slot);
  }
}

TEST(RegionTable, SecondCopyServesWhereTheFirstIsBroken) {
  // Goal: one broken table does not lose the disk. Method: break each copy alone.
  for (uint64_t broken : region_table_offsets) {
    ImageWorkbench bench;
    bench.create_with_data(ImageWorkbench::dynamic_disk());
    bench.flip_byte(broken + 65535);
    EXPECT_EQ(read_guest(*bench.open(OpenMode::read_only), {0, 512}), filled(512, 0xa1));
  }
}

TEST(RegionTable, UnknownRegionThatIsNotRequiredIsPassedOver) {
  // Goal: files of newer programs that mark an extra region as optional still open.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  bench.edit_region_tables([](RegionTableHeader& header, RegionTableEntry* entries) {
    header.entry_count = 3;
    entries[2] = RegionTableEntry{Guid::literal("deadbeef-0000-4000-8000-000000000000"), 1, 1, 0};
  });
  EXPECT_EQ(fault_of(bench.try_open()), "");
}

TEST(MetadataItems, UnknownItemThatIsNotRequiredIsPassedOver) {
  // Goal as for regions; its placement is nobody's business either.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  bench.edit_metadata_table([](MetadataTableHeader& header, MetadataTableEntry* entries) {
    header.entry_count = 6;
    entries[5] =
        MetadataTableEntry{Guid::literal("deadbeef-0000-4000-8000-000000000000"), 1, ~uint32_t{0}, 1, 0};
  });
  EXPECT_EQ(fault_of(bench.try_open()), "");
}

// ---- Identities ----

TEST(Identities, MereOpenChangesNotOneByte) {
  // Goal: looking at a disk is not a change, in either mode. Method: all bytes before and after.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  const auto before = bench.all_bytes();
  for (OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
    const auto image = bench.open(mode);
    (void)read_guest(*image, {0, 64 * mib});
    must(image->flush());
    must(image->close());
  }
  EXPECT_TRUE(bench.all_bytes() == before);
}

TEST(Identities, GuestWriteChangesBothGuidsOncePerSession) {
  // Goal: FileWriteGuid and DataWriteGuid change before the first change a guest can see, and not again until
  // the next open.
  ImageWorkbench bench;
  bench.create(ImageWorkbench::dynamic_disk());
  const Header created = bench.header(newer_slot(bench));
  const auto image = bench.open();
  write_guest(*image, 0, filled(512, 1));
  const Header first = image->header();
  EXPECT_NE(first.file_write_guid, created.file_write_guid);
  EXPECT_NE(first.data_write_guid, created.data_write_guid);
  EXPECT_FALSE(first.log_guid.is_zero());
  EXPECT_EQ(bench.header(0).log_guid, first.log_guid);
  EXPECT_EQ(bench.header(1).log_guid, first.log_guid);
  write_guest(*image, 40 * mib, filled(512, 1));
  must(image->close());
  EXPECT_EQ(image->header().file_write_guid, first.file_write_guid);
  EXPECT_EQ(image->header().data_write_guid, first.data_write_guid);
  EXPECT_TRUE(bench.header(0).log_guid.is_zero());
  EXPECT_TRUE(bench.header(1).log_guid.is_zero());
}

TEST(Identities, ZeroingIsAChangeAGuestCanSee) {
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  const Guid before = bench.header(newer_slot(bench)).data_write_guid;
  const auto image = bench.open();
  zero_guest(*image, {0, 512});
  EXPECT_NE(image->header().data_write_guid, before);
}

TEST(Identities, SameContentKeepsTheDataWriteGuid) {
  // Goal: a merge that only moves bytes must not orphan children. Method: write with that intent.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  const Header before = bench.header(newer_slot(bench));
  const auto image = bench.open(OpenMode::read_write, WriteIntent::same_content);
  write_guest(*image, 0, filled(512, 1));
  must(image->close());
  EXPECT_NE(image->header().file_write_guid, before.file_write_guid);
  EXPECT_EQ(image->header().data_write_guid, before.data_write_guid);
}

TEST(Identities, SetDataWriteGuidIsDurableInBothHeaders) {
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  const Guid wanted = Guid::literal("01234567-89ab-cdef-0123-456789abcdef");
  const auto image = bench.open(OpenMode::read_write, WriteIntent::same_content);
  must(image->set_data_write_guid(wanted));
  EXPECT_EQ(bench.header(0).data_write_guid, wanted);
  EXPECT_EQ(bench.header(1).data_write_guid, wanted);
  must(image->close());
  EXPECT_EQ(bench.open(OpenMode::read_only)->header().data_write_guid, wanted);
}

TEST(Identities, ReplayInTheFileChangesTheFileWriteGuidOnly) {
  // Goal: replaying a log changes the file, and nothing a guest can see.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  bench.make_dirty({}, 4 * mib);
  const Header before = bench.header(newer_slot(bench));
  const auto image = bench.open();
  EXPECT_TRUE(image->log_was_dirty());
  EXPECT_NE(image->header().file_write_guid, before.file_write_guid);
  EXPECT_EQ(image->header().data_write_guid, before.data_write_guid);
  EXPECT_TRUE(image->header().log_guid.is_zero());
}

TEST(ReadOnlyImage, RefusesEveryChange) {
  // Goal: no way to write through a read-only image. Method: try each call; the bytes stay.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  const auto before = bench.all_bytes();
  const auto image = bench.open(OpenMode::read_only);
  WritePlan plan;
  EXPECT_EQ(fault_of(image->plan_write({0, 512}, plan)), "file-read-only");
  EXPECT_EQ(fault_of(image->plan_zero({0, 512}, plan)), "file-read-only");
  EXPECT_EQ(fault_of(image->set_data_write_guid(bat_region_id)), "file-read-only");
  EXPECT_EQ(fault_of(image->set_disk_size(80 * mib)), "file-read-only");
  EXPECT_EQ(fault_of(image->set_parent(*image->metadata().parent)), "file-read-only");
  EXPECT_TRUE(bench.all_bytes() == before);
}

TEST(Image, WithoutALogCanBeReadAndNotWritten) {
  // Goal: no change is made that a cut could tear. Method: a file whose log has no length.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  bench.edit_headers([](Header& header) { header.log_length = 0; });
  const auto image = bench.open();
  EXPECT_EQ(read_guest(*image, {0, 512}), filled(512, 0xa1));
  WritePlan plan;
  EXPECT_EQ(fault_of(image->plan_write({0, 512}, plan)), "vhdx-header-log-placement");
}

}  // namespace
}  // namespace vhdlab::tests
