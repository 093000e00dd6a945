// vhdlab vm as a user calls it: the whole way of a machine, its JSON, its refusals and exit codes.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cli/cli_support.h"

namespace vhdlab::tests {
namespace {

class VmCommands : public testing::Test {
 protected:
  std::string machine() { return folder.file("web"); }

  std::string run(std::vector<std::string> words) {
    words.insert(words.begin(), "vm");
    const ProgramResult result = vhdlab(words);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }

  ProgramResult refused(std::vector<std::string> words) {
    words.insert(words.begin(), "vm");
    ProgramResult result = vhdlab(words);
    EXPECT_NE(result.exit_code, 0);
    EXPECT_EQ(result.output, "");
    return result;
  }

  nlohmann::json tree() { return vhdlab_json({"vm", "tree", machine()}); }

  std::string now() { return folder.file("web/" + tree()["disks"][0]["now"].get<std::string>()); }

  void write(const std::string& text) {
    write_file(folder.file("text"), text);
    EXPECT_EQ(vhdlab({"disk", "write", now(), folder.file("text"), "--offset", "1000"}).exit_code, 0);
  }

  std::string content() { return disk_content(now()).substr(1000, 6); }

  TemporaryFolder folder;
};

TEST_F(VmCommands, TakeADiskThroughCheckpointChangeApplyDeleteAndMerge) {
  // Goal: the way the README shows. Method: every step called as a user does, contents compared on the way.
  run({"create", machine(), "--disk", "web.vhdx=8MiB", "--block-size", "1MiB"});
  write("first ");
  run({"checkpoint", machine(), "before"});
  write("second");
  run({"apply", machine(), "before", "--checkpoint-first"});
  EXPECT_EQ(content(), "first ");
  EXPECT_EQ(tree()["checkpoints"].size(), 2U);
  const std::string kept = tree()["checkpoints"][1]["id"];
  run({"apply", machine(), kept.substr(0, 8)});
  EXPECT_EQ(content(), "second");
  EXPECT_NE(run({"delete", machine(), kept.substr(0, 8)}).find("vm merge"), std::string::npos);
  run({"delete-subtree", machine(), "before"});
  EXPECT_EQ(tree()["pending_merges"][0]["sources"].size(), 2U);
  const auto status = vhdlab_json({"vm", "merge", machine(), "--status", "--rate", "1MiB"});
  EXPECT_EQ(status["is_held"], false);
  EXPECT_TRUE(status["pending_merges"][0]["bytes_moved"].is_null()) << "nobody has begun it";
  EXPECT_DOUBLE_EQ(status["pending_merges"][0]["seconds_left"].get<double>(),
                   status["pending_merges"][0]["bytes_to_move"].get<double>() / (1024 * 1024));
  EXPECT_NE(run({"merge", machine()}).find("merged 2 files in 1 pass"), std::string::npos);
  EXPECT_EQ(content(), "second");
  EXPECT_EQ(names_in(folder.path() / "web"),
            (std::vector<std::string>{"machine.vhdlab", "machine.vhdlab.lock", "web.vhdx"}));
  run({"check", machine()});
}

TEST_F(VmCommands, DrawTheTreeWithNowInIt) {
  // Goal: branches, Now and what waits are seen. Method: a small tree, its lines looked at.
  run({"create", machine(), "--disk", "web.vhdx=8MiB", "--block-size", "1MiB"});
  for (const char* name : {"one", "two", "three"})
    run({"checkpoint", machine(), name});
  run({"apply", machine(), "one"});
  const std::string drawn = run({"tree", machine()});
  EXPECT_NE(drawn.find("\none "), std::string::npos) << drawn;
  EXPECT_NE(drawn.find("\n├─ two "), std::string::npos) << drawn;
  EXPECT_NE(drawn.find("\n│  └─ three "), std::string::npos) << drawn;
  EXPECT_NE(drawn.find("\n└─ Now "), std::string::npos) << drawn;
}

TEST_F(VmCommands, NameTheMachineAsItWasGiven) {
  // Goal: the command that is suggested is one to type. Method: delete from the folder the machine lies in.
  run({"create", machine(), "--disk", "web.vhdx=8MiB", "--block-size", "1MiB"});
  run({"checkpoint", machine(), "one"});
  const ProgramResult deleted = vhdlab({"vm", "delete", "web", "one"}, {.working_directory = folder.path()});
  EXPECT_EQ(deleted.output, "deleted checkpoint 'one'\n1 file waits to be merged: 'vhdlab vm merge web'\n");
}

TEST_F(VmCommands, MergeBehindADelete) {
  // Goal: delete --merge-behind returns and the merge happens by itself. Method: wait for it, within a
  // minute.
  run({"create", machine(), "--disk", "web.vhdx=8MiB", "--block-size", "1MiB"});
  write("first ");
  run({"checkpoint", machine(), "one"});
  write("second");
  run({"delete", machine(), "one", "--merge-behind"});
  for (int i = 0; i < 600 && !tree()["pending_merges"].empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(tree()["pending_merges"].empty());
  EXPECT_EQ(content(), "second");
}

TEST_F(VmCommands, RefuseWhatMakesNoSense) {
  // Goal: each refusal names itself and its exit code says whose fault it is. Method: one of each.
  EXPECT_EQ(refused({"create", machine()}).exit_code, 2);
  EXPECT_EQ(refused({"create", machine(), "--disk", "a.vhdx=x"}).exit_code, 2);
  EXPECT_EQ(refused({"create", machine(), "--disk", "a.vhdx=1"}).exit_code, 2);
  EXPECT_NE(refused({"create", machine(), "--disk", "=8MiB"}).errors.find("'=8MiB' names no file"),
            std::string::npos);
  EXPECT_EQ(refused({"create", machine(), "--disk", "a.vhdx=8MiB", "--limit", "0"}).exit_code, 2);
  EXPECT_EQ(refused({"tree", machine()}).exit_code, 1);
  run({"create", machine(), "--disk", "a.vhdx=8MiB", "--disk", "b.vhdx=8MiB", "--limit", "1"});
  EXPECT_EQ(refused({"create", machine(), "--disk", "c.vhdx=8MiB"}).exit_code, 1);
  run({"checkpoint", machine(), "one"});
  EXPECT_NE(refused({"checkpoint", machine()}).errors.find("vm delete"), std::string::npos);
  EXPECT_EQ(refused({"checkpoint", machine(), "--kind", "odd"}).exit_code, 2);
  EXPECT_EQ(refused({"apply", machine(), "two"}).exit_code, 1);
  EXPECT_EQ(refused({"export", machine(), "one", folder.file("x.vhdx")}).exit_code, 2);
  EXPECT_EQ(refused({"remove", machine(), "--with-disks"}).exit_code, 2);
  run({"export", machine(), "one", folder.file("x.vhdx"), "--disk", "2", "--quiet"});
  EXPECT_EQ(vhdlab_json({"vm", "risk", machine()})["files"].size(), 4U);
  run({"start", machine()});
  EXPECT_EQ(refused({"remove", machine()}).exit_code, 1);
  run({"stop", machine()});
  run({"remove", machine()});
  run({"adopt", machine()});
  run({"remove", machine(), "--with-disks", "--yes"});
  EXPECT_TRUE(names_in(folder.path() / "web").empty());
}

TEST_F(VmCommands, FindAMissingFile) {
  // Goal: check says what is missing and which restore points are lost, and exits with 1. Method: remove one.
  run({"create", machine(), "--disk", "web.vhdx=8MiB", "--block-size", "1MiB"});
  run({"checkpoint", machine(), "one"});
  std::filesystem::remove(folder.path() / "web" / "web.vhdx");
  const ProgramResult checked = vhdlab({"vm", "check", machine()});
  EXPECT_EQ(checked.exit_code, 1);
  EXPECT_NE(checked.output.find("'one'"), std::string::npos) << checked.output;
  EXPECT_NE(checked.output.find("Now"), std::string::npos) << checked.output;
}

}  // namespace
}  // namespace vhdlab::tests
