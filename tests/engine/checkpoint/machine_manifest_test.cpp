// The manifest: what is written is read, and nothing else is believed.
#include "engine/checkpoint/machine_manifest.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/base/crc32c.h"
#include "engine/io/memory_file_system.h"
#include "tests/engine/checkpoint/model_machine.h"

namespace vhdlab::tests {
namespace {

MachineManifest sample() {
  ModelMachine machine(2);
  machine.create();
  machine.create();
  machine.apply(ModelMachine::id_of(1));
  MachineManifest manifest{.name = "a name, 100 % with\nline feed",
                           .id = ModelMachine::id_of(77),
                           .host = HostGeneration::windows_2012r2,
                           .state = MachineState::saved,
                           .checkpoints_max = 7,
                           .base_names = {"disk0", "disk1"},
                           .tree = machine.tree(),
                           .making = {"x_1.avhdx"},
                           .removing = {"x_2.avhdx"},
                           .exporting = {"/elsewhere/e.vhdx.vhdlab-part"}};
  manifest.tree.checkpoints[0].kind = CheckpointKind::crash_consistent;
  manifest.tree.checkpoints[0].taken_while = MachineState::running;
  manifest.tree.checkpoints[0].taken_unix_seconds = 1'700'000'000;
  manifest.tree.checkpoints[1].name = "spaces  and \x01 control";
  return manifest;
}

// The text with its checksum made right again.
std::string sealed(const std::string& text) {
  const std::string body = text.substr(0, text.rfind("end "));
  return fmt::format("{}end {:08x}\n", body, crc32c(std::as_bytes(std::span(body))));
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

std::string fault_of(const std::string& text) {
  const auto parsed = parse_manifest(text, "m");
  return parsed ? "" : parsed.error().fault;
}

TEST(MachineManifest, ReadsBackWhatWasWritten) {
  // Goal: every field survives, names with any character too. Method: a manifest that uses them all, through
  // a file, twice, the second in place of the first.
  MemoryFileSystem files;
  MachineManifest manifest = sample();
  ASSERT_TRUE(write_manifest(files, "/m", manifest));
  EXPECT_EQ(read_manifest(files, "/m").value(), manifest);
  manifest.making.clear();
  ASSERT_TRUE(write_manifest(files, "/m", manifest));
  EXPECT_EQ(read_manifest(files, "/m").value(), manifest);
  EXPECT_EQ(files.list("/m").value(), std::vector<std::string>{"machine.vhdlab"});
}

TEST(MachineManifest, IsRefusedWithOneByteChangedOrCutShort) {
  // Goal: no torn or altered manifest is believed. Method: each byte changed, each length.
  const std::string good = manifest_text(sample());
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_NE(fault_of(bad), "") << i;
    EXPECT_EQ(fault_of(good.substr(0, i)), "manifest-checksum") << i;
  }
}

TEST(MachineManifest, NamesEachFault) {
  // Goal: every fault has its name, also in a file whose checksum is right. Method: wrong lines, resealed.
  const std::string good = manifest_text(sample());
  EXPECT_EQ(fault_of(replaced(good, "vhdlab machine 1", "vhdlab machine 2")), "manifest-version");
  EXPECT_EQ(fault_of(sealed(replaced(good, "state saved", "state asleep"))), "manifest-malformed");
  EXPECT_EQ(fault_of(sealed(replaced(good, "limit 7", "limit -7"))), "manifest-malformed");
  EXPECT_EQ(fault_of(sealed(replaced(good, "now 3", "now 9"))), "manifest-malformed");
  EXPECT_EQ(fault_of(sealed(replaced(good, "file 2 1", "file 2 9"))), "manifest-malformed");
  EXPECT_EQ(fault_of(sealed(replaced(good, "making x_1.avhdx", "making"))), "manifest-malformed");
  EXPECT_EQ(fault_of(sealed(replaced(good, "making x_1.avhdx", "making a/../../x"))), "manifest-path");
  EXPECT_EQ(fault_of(sealed(replaced(good, "removing x_2.avhdx", "removing .."))), "manifest-path");
  EXPECT_EQ(fault_of(sealed(replaced(good, ".vhdlab-part", ".vhdx"))), "manifest-path");
  EXPECT_EQ(fault_of(sealed(replaced(good, "now 3", "now 1"))), "checkpoint-tree");
  EXPECT_EQ(fault_of(""), "manifest-checksum");
  MemoryFileSystem files;
  EXPECT_EQ(read_manifest(files, "/nowhere").error().fault, "machine-not-found");
}

}  // namespace
}  // namespace vhdlab::tests
