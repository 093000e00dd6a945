// Wrong use and bad input: each is told, has its exit code, and changes no file.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "engine/base/bytes.h"
#include "engine/chain/chain_open.h"
#include "scenarios/cli/commands.h"
#include "tests/cli/cli_support.h"

namespace vhdlab::tests {
namespace {

struct Misuse {
  std::vector<std::string> words;
  int exit_code;
  std::string told;  // somewhere in what is said on standard error
};

struct DiskMisuse : testing::Test {
  TemporaryFolder folder;
  TestChain chain = make_chain(folder, 2);

  void SetUp() override {
    write_file(folder.file("raw.img"), noise(4 * mib, 1));
    write_file(folder.file("tiny.img"), "tiny");
    write_file(folder.file("broken.vhdx"), std::string("vhdxfile") + std::string(2 * mib, 'x'));
    std::filesystem::create_directory(folder.file("sub"));
  }

  void expect_refused(const Misuse& misuse) {
    std::string line;
    for (const std::string& word : misuse.words)
      line += word + " ";
    const FolderContents before = contents_of(folder.path());
    const ProgramResult result = vhdlab(misuse.words, {.working_directory = folder.path()});
    EXPECT_EQ(result.exit_code, misuse.exit_code) << line << result.errors;
    EXPECT_EQ(result.output, "") << line;
    EXPECT_TRUE(result.errors.starts_with("vhdlab: error: ")) << line << result.errors;
    EXPECT_NE(result.errors.find(misuse.told), std::string::npos) << line << result.errors;
    EXPECT_EQ(result.errors.find('\x1b'), std::string::npos) << "colour in a pipe: " << line;
    EXPECT_TRUE(contents_of(folder.path()) == before) << "files changed: " << line;
  }
};

TEST_F(DiskMisuse, CommandsAndOptionsThatDoNotExist) {
  // Goal: wrong words are exit code 2 with a suggestion, and nothing is begun.
  const std::vector<Misuse> misuses = {
      {{"dsik", "info"}, 2, "did you mean 'disk'?"},
      {{"disk"}, 2, "'disk merge'"},
      {{"disk", "cretae", "x"}, 2, "did you mean 'disk create'?"},
      {{"help", "disk", "imfo"}, 2, "did you mean 'disk info'?"},
      {{"--versoin"}, 2, "did you mean '--version'?"},
      {{"disk", "info"}, 2, "PATH is missing"},
      {{"disk", "info", "a", "b"}, 2, "'b' is too much"},
      {{"disk", "info", "a", "--fromat", "json"}, 2, "did you mean '--format'?"},
      {{"disk", "info", "a", "--format", "xml"}, 2, "none of 'table' and 'json'"},
      {{"disk", "info", "a", "--format"}, 2, "--format"},
      {{"disk", "merge", "a", "--layers", "two"}, 2, "not a whole number"},
  };
  for (const Misuse& misuse : misuses)
    expect_refused(misuse);
}

TEST_F(DiskMisuse, NamesThatWouldDriveATerminal) {
  // Goal: what is said of a file cannot move the cursor or change colours. Method: an escape in its name.
  const std::string name = "red\x1b[31m.vhdx";
  expect_refused({{"disk", "info", name}, 1, "red?[31m.vhdx"});
  expect_refused({{"report", name}, 1, "red?[31m.vhdx"});
  expect_refused({{"vm", "tree", name}, 1, "red?[31m.vhdx"});
  for (const char* command : {"run", "check"}) {
    const ProgramResult result = vhdlab({command, name}, {.working_directory = folder.path()});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_TRUE(result.errors.starts_with("red?[31m.vhdx:1:1: error: ")) << result.errors;
    EXPECT_EQ(result.errors.find('\x1b'), std::string::npos) << result.errors;
  }
}

TEST_F(DiskMisuse, FilesThatAreNotDisks) {
  // Goal: every reading command refuses what is absent, a folder, no VHDX, or a broken one.
  for (const char* command : {"info", "chain", "map", "merge"}) {
    expect_refused({{"disk", command, "absent.vhdx"}, 1, "No such file"});
    expect_refused({{"disk", command, "sub"}, 2, "is a folder"});
    expect_refused({{"disk", command, "raw.img"}, 1, "does not begin with 'vhdxfile'"});
    expect_refused({{"disk", command, "tiny.img"}, 1, "tiny.img"});
    expect_refused({{"disk", command, "broken.vhdx"}, 1, "broken.vhdx"});
    expect_refused({{"disk", command, ""}, 1, ""});
  }
  for (const char* file : {"absent.vhdx", "raw.img", "broken.vhdx"}) {
    expect_refused({{"disk", "compact", file}, 1, file});
    expect_refused({{"disk", "resize", file, "--size", "16MiB"}, 1, file});
  }
}

TEST_F(DiskMisuse, CreateOfDisksThatCannotBe) {
  // Goal: numbers out of range are wrong use; an existing file stays.
  const std::vector<Misuse> misuses = {
      {{"disk", "create", "new.vhdx"}, 2, "--size"},
      {{"disk", "create", "new.vhdx", "--size", "1MiB"}, 2, "at least 3 MiB"},
      {{"disk", "create", "new.vhdx", "--size", "4000000"}, 2, "whole sectors"},
      {{"disk", "create", "new.vhdx", "--size", "65TiB"}, 2, "a disk of 65 TiB is over 64 TiB"},
      {{"disk", "create", "new.vhdx", "--size", "99999TiB"}, 2, "a disk of 99999 TiB"},
      {{"disk", "create", "new.vhdx", "--size", "lots"}, 2, "--size"},
      {{"disk", "create", "new.vhdx", "--size", "8MiB", "--block-size", "3MiB"}, 2, "block"},
      {{"disk", "create", "new.vhdx", "--size", "8MiB", "--block-size", "8GiB"}, 2, "too large"},
      {{"disk", "create", "new.vhdx", "--size", "8MiB", "--sector-size", "1000"}, 2, "neither 512 nor 4096"},
      {{"disk", "create", "new.vhdx", "--size", "8MiB", "--type", "differencing"}, 2, "--parent"},
      {{"disk", "create", "new.vhdx", "--type", "fixed", "--parent", "base.vhdx"}, 2, "has no parent"},
      {{"disk", "create", "new.vhdx", "--parent", "base.vhdx", "--sector-size", "4096"}, 2, "512 bytes"},
      {{"disk", "create", "new.vhdx", "--parent", "base.vhdx", "--block-size", "3MiB"}, 2, "block"},
      {{"disk", "create", "new.vhdx", "--parent", "base.vhdx", "--size", "0"}, 2, "3MiB to 64TiB"},
      {{"disk", "create", "new.vhdx", "--size", "8MiB", "--block-size", "0"}, 2, "1MiB to 256MiB"},
      {{"vm", "create", "new", "--disk", "a.vhdx=8MiB", "--block-size", "0"}, 2, "1MiB to 256MiB"},
      {{"disk", "create", "new.vhdx", "--parent", "absent.vhdx"}, 1, "absent.vhdx"},
      {{"disk", "create", "base.vhdx", "--size", "8MiB"}, 1, "base.vhdx"},
      {{"disk", "create", "sub", "--size", "8MiB"}, 1, "sub"},
      {{"disk", "create", "nowhere/new.vhdx", "--size", "8MiB"}, 1, "nowhere"},
  };
  for (const Misuse& misuse : misuses)
    expect_refused(misuse);
}

TEST_F(DiskMisuse, SizesThatDoNotFit) {
  // Goal: a disk with data in its tail, or with children, keeps its size; a size no disk can have is wrong
  // use and no damage, even where --force is given.
  for (const char* size : {"0", "3", "1MiB", "4000000", "65TiB"}) {
    expect_refused({{"disk", "resize", "child2.avhdx", "--size", size}, 2, "3MiB"});
    expect_refused({{"disk", "resize", "child2.avhdx", "--size", size, "--force"}, 2, "3MiB"});
  }
  expect_refused({{"disk", "resize", "child2.avhdx"}, 2, "--size"});
  expect_refused({{"disk", "resize", "child2.avhdx", "--size", "4MiB"}, 1, "child2.avhdx"});
  expect_refused({{"disk", "resize", "base.vhdx", "--size", "16MiB"}, 1, "child1.avhdx"});
}

TEST_F(DiskMisuse, AParentThatItsChildCouldNotFindAgain) {
  // Goal: no child is broken from the start. Method: a backslash in a parent's name, or in both's folder.
  std::filesystem::copy(folder.file("base.vhdx"), folder.file("b\\ase.vhdx"));
  expect_refused({{"disk", "create", "new.avhdx", "--parent", "b\\ase.vhdx"}, 2, "find this one again"});
  expect_refused({{"disk", "relink", "child1.avhdx", "b\\ase.vhdx"}, 2, "find this one again"});
  expect_refused({{"vm", "create", "new", "--disk", "b\\ase.vhdx=8MiB"}, 2, "find this one again"});

  const std::filesystem::path inner = folder.path() / "in\\ner";
  std::filesystem::create_directory(inner);
  std::filesystem::copy(folder.file("base.vhdx"), inner / "base.vhdx");
  const ProgramResult made =
      vhdlab({"disk", "create", "new.avhdx", "--parent", "base.vhdx"}, {.working_directory = inner});
  EXPECT_EQ(made.exit_code, 0) << made.errors;
  EXPECT_EQ(vhdlab({"disk", "chain", (inner / "new.avhdx").string()}).exit_code, 0);
}

TEST_F(DiskMisuse, MergesThatMakeNoSense) {
  // Goal: layers that are not there or the wrong way round are wrong use.
  const std::vector<Misuse> misuses = {
      {{"disk", "merge", "base.vhdx"}, 2, "no parent"},
      {{"disk", "merge", "child2.avhdx", "--layers", "3"}, 2, "2 stand above the base"},
      {{"disk", "merge", "child2.avhdx", "--layers", "0"}, 2, "--layers"},
      {{"disk", "merge", "child2.avhdx", "--dry-run", "--rate", "0"}, 2, "more than 0"},
      {{"disk", "merge", "child2.avhdx", "--rate-limit", "0"}, 2, "more than 0"},
      {{"disk", "merge", "child2.avhdx", "--layers", "1", "--all"}, 2, "exclude each other"},
      {{"disk", "merge", "child2.avhdx", "--into", "raw.img"}, 2, "is not a layer"},
      {{"disk", "merge", "child2.avhdx", "--into", "child2.avhdx"}, 2, "not below"},
      {{"disk", "merge", "child2.avhdx", "--top", "base.vhdx"}, 2, "the base has no parent"},
      {{"disk", "merge", "child2.avhdx", "--into", "absent.vhdx"}, 1, "absent.vhdx"},
  };
  for (const Misuse& misuse : misuses)
    expect_refused(misuse);
}

TEST_F(DiskMisuse, MergeThatWouldTakeTheGroundFromAnotherDisk) {
  // Goal: a second child of the base protects it; --force goes on.
  ASSERT_EQ(vhdlab({"disk", "create", folder.file("other.avhdx"), "--parent", chain.base()}).exit_code, 0);
  expect_refused({{"disk", "merge", "child2.avhdx", "--all"}, 1, "other.avhdx"});
  EXPECT_EQ(vhdlab({"disk", "merge", chain.leaf(), "--all", "--force"}).exit_code, 0);
  EXPECT_TRUE(disk_content(chain.base()) == chain.content);
}

TEST_F(DiskMisuse, ADiskWrittenIntoItself) {
  // Goal: bytes that change while they are read are never taken. Method: its name, and other ways to it.
  std::filesystem::create_symlink("child2.avhdx", folder.file("link.avhdx"));
  for (const char* from : {"child2.avhdx", "link.avhdx", "sub/../child2.avhdx"})
    expect_refused({{"disk", "write", "child2.avhdx", from}, 2, "is the disk to write to"});
}

TEST_F(DiskMisuse, ConversionsThatMustNotBe) {
  // Goal: no file is overwritten unasked, the source not even when asked.
  const std::vector<Misuse> misuses = {
      {{"disk", "convert", "raw.img"}, 2, "TO is missing"},
      {{"disk", "convert", "raw.img", "tiny.img"}, 1, "--force"},
      {{"disk", "convert", "raw.img", "raw.img", "--force"}, 2, "part of the disk"},
      {{"disk", "convert", "child2.avhdx", "base.vhdx", "--force"}, 2, "part of the disk"},
      {{"disk", "convert", "child2.avhdx", "sub/../child1.avhdx", "--force"}, 2, "part of the disk"},
      {{"disk", "convert", "raw.img", "disk"}, 2, "--to-format"},
      {{"disk", "convert", "raw.img", "new.raw", "--block-size", "1MiB"}, 2, "does not apply"},
      {{"disk", "convert", "raw.img", "new.vhdx", "--block-size", "3MiB"}, 2, "block"},
      {{"disk", "convert", "raw.img", "new.vhdx", "--type", "differencing"}, 2, "--type"},
      {{"disk", "convert", "tiny.img", "new.vhdx"}, 2, "at least 3 MiB"},
      {{"disk", "convert", "broken.vhdx", "new.raw"}, 1, "broken.vhdx"},
      {{"disk", "convert", "absent.img", "new.vhdx"}, 1, "absent.img"},
      {{"disk", "convert", "raw.img", "nowhere/new.vhdx"}, 1, "nowhere"},
      {{"disk", "convert", "raw.img", "sub", "--to-format", "vhdx", "--force"}, 2, "sub"},
      {{"disk", "convert", "sub", "new.vhdx"}, 2, "is a folder"},
      {{"disk", "convert", "raw.img", "new.vhdx", "--from-format", "vhdx"}, 1, "vhdxfile"},
  };
  for (const Misuse& misuse : misuses)
    expect_refused(misuse);
}

TEST_F(DiskMisuse, ConvertDoesNotTakeADamagedVhdxForRawBytes) {
  // Goal: a name that promises VHDX over bytes that are none is refused, unless raw is asked for.
  std::filesystem::copy(folder.file("raw.img"), folder.file("damaged.vhdx"));
  expect_refused({{"disk", "convert", "damaged.vhdx", "new.raw"}, 1, "--from-format raw"});
  EXPECT_EQ(
      vhdlab({"disk", "convert", folder.file("damaged.vhdx"), folder.file("new.raw"), "--from-format", "raw"})
          .exit_code,
      0);
}

TEST_F(DiskMisuse, ConvertLeavesATargetThatSomebodyWritesTo) {
  // Goal: --force does not pull a file away from its writer.
  PosixFileSystem files;
  const auto writer = files.open(folder.file("tiny.img"), OpenMode::read_write);
  ASSERT_TRUE(writer.has_value());
  expect_refused({{"disk", "convert", "raw.img", "tiny.img", "--force"}, 1, "tiny.img"});
}

TEST_F(DiskMisuse, ResultsThatCannotBeWritten) {
  // Goal: a full device behind standard output is a failure, told once.
  const ProgramResult full =
      *run_program({"/bin/sh", "-c", "\"$0\" disk info \"$1\" >/dev/full", VHDLAB_PROGRAM, chain.leaf()});
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_NE(full.errors.find("standard output: cannot write"), std::string::npos) << full.errors;
}

TEST_F(DiskMisuse, AReaderThatWentAwayIsNoError) {
  // Goal: `vhdlab ... | head -n 0` is quiet.
  const ProgramResult piped =
      *run_program({"/bin/bash", "-c", "\"$0\" disk map \"$1\" | true; exit ${PIPESTATUS[0]}", VHDLAB_PROGRAM,
                    chain.leaf()});
  EXPECT_EQ(piped.exit_code, 0);
  EXPECT_EQ(piped.errors, "");
}

TEST_F(DiskMisuse, TooLittleSpaceIsToldBeforeAnythingIsWritten) {
  // Goal: merge and convert ask for the free space first; by a world whose devices have 1 KiB left.
  const FolderContents before = contents_of(folder.path());
  TestWorld world;
  world.free_bytes = 1 * kib;
  const auto merged = scenarios::disk_merge::run(
      world.context(), *scenarios::parse_arguments("", scenarios::disk_merge::syntax(), {chain.leaf()}));
  EXPECT_EQ(merged.error().fault, "merge-no-space");
  const auto converted = scenarios::disk_convert::run(
      world.context(), *scenarios::parse_arguments("", scenarios::disk_convert::syntax(),
                                                   {chain.leaf(), folder.file("new.raw")}));
  EXPECT_EQ(converted.error().fault, "convert-no-space");
  EXPECT_TRUE(contents_of(folder.path()) == before);
}

}  // namespace
}  // namespace vhdlab::tests
