// The helper that runs outside judges: a judge whose verdict is lost or misread would prove nothing.
#include "tests/support/run_program.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {
namespace {

TEST(RunProgram, KeepsExitCodeOutputAndErrorsApart) {
  // A shell that writes to both and ends with a code of its own.
  auto result = run_program({"sh", "-c", "echo out; echo err >&2; exit 7"});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_EQ(result->output, "out\n");
  EXPECT_EQ(result->errors, "err\n");
  EXPECT_FALSE(result->succeeded());
}

TEST(RunProgram, CollectsMoreThanAPipeHolds) {
  // Both pipes fill several times over; reading one after the other would never end.
  auto result = run_program({"sh", "-c", "head -c 500000 /dev/zero; head -c 500000 /dev/zero >&2"});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->output.size(), 500000u);
  EXPECT_EQ(result->errors.size(), 500000u);
}

TEST(RunProgram, UsesTheWorkingDirectoryAndEnvironment) {
  // The program reports both back.
  TemporaryFolder folder;
  auto result =
      run_program({"sh", "-c", "pwd -P; echo $VHDLAB_WORD"},
                  {.working_directory = folder.path(), .environment = {{"VHDLAB_WORD", "two words"}}});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->output, std::filesystem::canonical(folder.path()).string() + "\ntwo words\n");
}

TEST(RunProgram, EndsAProgramThatTakesTooLongWithItsChildren) {
  // The shell's child holds the pipe open: only ending the whole group lets the call return.
  auto result =
      run_program({"sh", "-c", "echo begun; sleep 600; true"}, {.timeout = std::chrono::milliseconds(200)});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_TRUE(result->timed_out);
  EXPECT_FALSE(result->succeeded());
}

TEST(RunProgram, SaysWhichProgramIsMissing) {
  // A name nothing on PATH has.
  auto result = run_program({"vhdlab-no-such-program"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, "program-not-found");
  EXPECT_FALSE(has_program("vhdlab-no-such-program"));
  EXPECT_TRUE(has_program("sh"));
}

TEST(TemporaryFolder, GoesAwayWithItsContents) {
  // Made, filled, left.
  std::filesystem::path path;
  {
    TemporaryFolder folder;
    path = folder.path();
    std::filesystem::create_directories(path / "a" / "b");
    ASSERT_TRUE(std::filesystem::exists(path / "a"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace vhdlab::tests
