// kill -9 in the middle of every operation on a machine: a child process carries it out and is killed at a
// random moment. What it had written is there, nothing after it happened. VHDLAB_CRASH_KILLS kills; 1000 make
// the long run.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/io/posix_file_system.h"
#include "tests/crash/crash_check.h"
#include "tests/engine/checkpoint/machine_workbench.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

namespace filesystem = std::filesystem;
using Clock = std::chrono::steady_clock;

const std::string export_name = "exported.vhdx";

MachineRequest request() {
  MachineRequest request{.name = "web"};
  for (const char* name : {"web.vhdx", "data.vhdx"})
    request.disks.push_back({.file_name = name, .size_bytes = 4 * mib, .block_size_bytes = 1 * mib});
  return request;
}

// Two disks; first - second - {third, fourth - Now}, and second's parent waits to be merged with it.
void make_machine(FileSystem& files, const std::string& folder, RandomSource& random) {
  Machine machine = must(Machine::create(files, folder, request(), random));
  auto checkpoint = [&](const std::string& name) {
    write_noise(files, folder, machine.tree(), random);
    return must(machine.take_checkpoint({.name = name}));
  };
  const Guid zeroth = checkpoint("zeroth");
  checkpoint("first");
  const Guid second = checkpoint("second");
  checkpoint("third");
  must(machine.apply(second));
  checkpoint("fourth");
  write_noise(files, folder, machine.tree(), random);
  must(machine.delete_checkpoint(zeroth));
}

Guid named(const Machine& machine, const std::string& name) {
  return must(find_checkpoint_by_word(machine.tree(), name));
}

struct Operation {
  std::string name;
  bool begins_without_machine = false;
  std::function<void(FileSystem&, const std::string& folder, RandomSource&)> run;
};

std::vector<Operation> operations() {
  auto on_machine = [](const std::function<void(Machine&)>& act) {
    return [act](FileSystem& files, const std::string& folder, RandomSource& random) {
      Machine machine = must(Machine::open(files, folder, random));
      act(machine);
    };
  };
  return {
      {"create", true,
       [](FileSystem& files, const std::string& folder, RandomSource& random) {
         must(Machine::create(files, folder, request(), random));
       }},
      {"checkpoint", false, on_machine([](Machine& m) { must(m.take_checkpoint({.name = "new"})); })},
      {"apply", false, on_machine([](Machine& m) { must(m.apply(named(m, "first"))); })},
      {"checkpoint and apply", false, on_machine([](Machine& m) {
         must(m.take_checkpoint({.name = "new"}));
         must(m.apply(named(m, "third")));
       })},
      {"delete a leaf", false, on_machine([](Machine& m) { must(m.delete_checkpoint(named(m, "third"))); })},
      {"delete and merge", false, on_machine([](Machine& m) {
         must(m.delete_checkpoint(named(m, "fourth")));
         must(m.merge_pending({}, {}));
       })},
      {"delete-subtree", false, on_machine([](Machine& m) { must(m.delete_subtree(named(m, "second"))); })},
      {"delete-subtree and merge", false, on_machine([](Machine& m) {
         must(m.delete_subtree(named(m, "first")));
         must(m.merge_pending({}, {}));
       })},
      {"merge", false, on_machine([](Machine& m) { must(m.merge_pending({}, {})); })},
      {"rename", false, on_machine([](Machine& m) { must(m.rename(named(m, "first"), "other")); })},
      {"start", false, on_machine([](Machine& m) { must(m.start()); })},
      {"export", false, on_machine([](Machine& m) {
         must(m.export_disk(0, named(m, "third"), m.folder() + "/../" + export_name, {}, {}));
       })},
      {"remove", false, on_machine([](Machine& m) { must(m.remove(true)); })},
  };
}

void copy_folder(const filesystem::path& from, const filesystem::path& to) {
  filesystem::remove_all(to);
  filesystem::remove(to.parent_path() / export_name);
  filesystem::copy(from, to, filesystem::copy_options::recursive);
}

enum class Ended { killed, succeeded, failed };

Ended run_and_kill(const Operation& operation, const std::string& folder, uint64_t seed,
                   std::chrono::microseconds delay) {
  const pid_t child = fork();
  if (child == 0) {
    PosixFileSystem files;
    SeededRandom random(seed);
    try {
      operation.run(files, folder, random);
    } catch (const std::exception& fault) {
      fmt::print(stderr, "{}\n", fault.what());
      _exit(1);
    }
    _exit(0);
  }
  std::this_thread::sleep_for(delay);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return Ended::killed;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Ended::succeeded : Ended::failed;
}

// What the machine in `folder` holds; nothing where none is there.
std::optional<MachineContents> contents_now(FileSystem& files, const std::string& folder,
                                            RandomSource& random) {
  const auto manifest = read_manifest(files, folder);
  if (!manifest && manifest.error().fault == "machine-not-found") return std::nullopt;
  if (must(manifest).is_gone()) return std::nullopt;
  return contents_of(files, folder, manifest->tree, random);
}

// Every state of the tree an operation commits on its way, in order.
std::set<std::string> trees_on_the_way(const Operation& operation, const filesystem::path& original,
                                       const std::string& work, uint64_t seed) {
  // A file system that looks at the manifest whenever it is put in place.
  class Watching final : public FileSystem {
   public:
    explicit Watching(std::string folder) : folder_(std::move(folder)) {}
    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, CacheMode cache) override {
      return files_.open(path, mode, cache);
    }
    Result<std::unique_ptr<File>> create(const std::string& path, CacheMode cache) override {
      return files_.create(path, cache);
    }
    Result<bool> is_being_written(const std::string& path) override { return files_.is_being_written(path); }
    bool exists(const std::string& path) override { return files_.exists(path); }
    Result<FileIdentity> identity(const std::string& path) override { return files_.identity(path); }
    Result<EntryStatus> status(const std::string& path) override { return files_.status(path); }
    Result<void> remove(const std::string& path) override { return files_.remove(path); }
    Result<void> rename(const std::string& from, const std::string& to) override {
      TRY(files_.rename(from, to));
      note();
      return {};
    }
    Result<void> sync_folder(const std::string& folder) override { return files_.sync_folder(folder); }
    Result<std::vector<std::string>> list(const std::string& folder) override { return files_.list(folder); }

    void note() {
      const auto manifest = read_manifest(files_, folder_);
      trees.insert(manifest && !manifest->is_gone() ? settled(*manifest) : "");
    }
    static std::string settled(MachineManifest manifest) {
      manifest.making.clear();
      manifest.removing.clear();
      manifest.exporting.clear();
      return manifest_text(manifest);
    }

    std::set<std::string> trees;

   private:
    PosixFileSystem files_;
    std::string folder_;
  };
  copy_folder(original, work);
  Watching watching(work);
  watching.note();
  SeededRandom random(seed);
  operation.run(watching, work, random);
  watching.note();
  return watching.trees;
}

std::string settled_tree(FileSystem& files, const std::string& folder) {
  auto manifest = read_manifest(files, folder);
  if (!manifest || manifest->is_gone()) return "";
  manifest->making.clear();
  manifest->removing.clear();
  manifest->exporting.clear();
  return manifest_text(*manifest);
}

TEST(KilledMachine, IsTheOldTreeOrTheNewOneWithNothingLost) {
  // Goal: kill -9 at any moment of any operation leaves a tree the operation commits, with every content as
  // it was, and the next command leaves no file behind. Method: each operation in turn killed at random
  // moments; trees, contents of every restore point, and the folder's files compared; then the machine is
  // used on.
  const uint64_t seed = test_seed();
  SeededRandom random(seed);
  const uint64_t kills_wanted = number_from_environment("VHDLAB_CRASH_KILLS", 40);
  TemporaryFolder temporary;
  const filesystem::path original = temporary.path() / "original";
  const filesystem::path nothing = temporary.path() / "nothing";
  const std::string work = (temporary.path() / "work").string();
  PosixFileSystem files;
  filesystem::create_directory(original);
  filesystem::create_directory(nothing);
  make_machine(files, original.string(), random);
  const MachineContents before = *contents_now(files, original.string(), random);
  const Machine probe = must(Machine::open(files, original.string(), random));
  const Guid third = named(probe, "third");
  const Guid first = named(probe, "first");

  uint64_t kills = 0;
  uint64_t old_trees = 0;
  uint64_t runs_too_short = 0;
  const auto all = operations();
  std::map<std::string, std::pair<std::set<std::string>, std::chrono::microseconds>> known;
  for (uint64_t round = 0; kills < kills_wanted; ++round) {
    const Operation& operation = all[round % all.size()];
    const filesystem::path& from = operation.begins_without_machine ? nothing : original;
    const uint64_t operation_seed = 1000 + round % all.size();
    if (!known.contains(operation.name)) {
      auto trees = trees_on_the_way(operation, from, work, operation_seed);
      copy_folder(from, work);
      const auto begin = Clock::now();
      SeededRandom same(operation_seed);
      operation.run(files, work, same);
      known[operation.name] = {std::move(trees),
                               std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin)};
    }
    const auto& [trees, whole] = known.at(operation.name);
    copy_folder(from, work);
    const std::string tree_before = settled_tree(files, work);
    const std::chrono::microseconds delay(pick(random, static_cast<uint64_t>(whole.count()) * 5 / 4 + 1));
    const Ended ended = run_and_kill(operation, work, operation_seed, delay);
    const std::string trace = fmt::format("seed {}, after {} kills: {} killed after {} us", seed, kills,
                                          operation.name, delay.count());
    ASSERT_NE(ended, Ended::failed) << trace;
    kills += ended == Ended::killed ? 1 : 0;
    runs_too_short += ended == Ended::killed ? 0 : 1;

    // As it stands, before anybody clears up.
    const std::string tree = settled_tree(files, work);
    ASSERT_TRUE(trees.contains(tree)) << trace << "\n" << tree;
    old_trees += tree == tree_before ? 1 : 0;
    auto check_contents = [&] {
      const auto found = contents_now(files, work, random);
      if (!found || operation.begins_without_machine) return;
      for (const auto& [point, disks] : *found) {
        if (point && !before.contains(*point)) continue;  // taken by the operation: as Now was
        const auto& expected = before.at(point);
        const bool is_applied = !point && (operation.name == "apply" || operation.name.ends_with("apply"));
        const bool fits = disks == expected ||
                          (is_applied && disks == before.at(operation.name == "apply" ? first : third));
        ASSERT_TRUE(fits) << trace << (point ? point->to_lower() : " Now");
      }
    };
    check_contents();
    if (HasFatalFailure()) return;

    // The next command.
    auto machine = operation.begins_without_machine && tree.empty()
                       ? Machine::create(files, work, request(), random)
                       : Machine::open(files, work, random);
    if (tree.empty() && !operation.begins_without_machine) {
      ASSERT_FALSE(machine) << trace;
      ASSERT_EQ(machine.error().fault, "machine-not-found") << trace;
      ASSERT_TRUE(must(files.list(work)).empty()) << trace << " " << must(files.list(work)).front();
      continue;
    }
    ASSERT_TRUE(machine) << machine.error().text() << "; " << trace;
    ASSERT_EQ(settled_tree(files, work), tree.empty() ? settled_tree(files, work) : tree) << trace;
    const std::string exported = (temporary.path() / export_name).string();
    ASSERT_FALSE(files.exists(exported + std::string(export_suffix))) << trace;
    if (files.exists(exported)) {
      ASSERT_EQ(content_of(files, exported, random), before.at(third)[0]) << trace;
    }
    const auto merged = machine->merge_pending({}, {});
    ASSERT_TRUE(merged) << merged.error().text() << "; " << trace;
    ASSERT_EQ(leaked_files(files, work, machine->tree()), "") << trace;
    check_contents();
    if (HasFatalFailure()) return;
    const Guid id = must(machine->take_checkpoint({}));
    write_noise(files, work, machine->tree(), random);
    must(machine->apply(id));
    check_contents();
    if (HasFatalFailure()) return;
  }
  fmt::print(
      "{} kills of {} operations: {} left the tree as it was, {} a later one or ended before the kill "
      "({} ended)\n",
      kills, all.size(), old_trees, kills + runs_too_short - old_trees, runs_too_short);
}

}  // namespace
}  // namespace vhdlab::tests
