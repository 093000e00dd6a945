// qemu and we look at the same states after power cuts and kills: what our log replays to, qemu's replay
// gives, and the other way round; and every image is clean for qemu once it was recovered.
//
// The states are those of the small workloads of tests/crash, on dynamic and fixed disks of 512-byte sectors
// (all that qemu reads). VHDLAB_CRASH_JUDGED of each workload's states, evenly spread, are shown to qemu; a
// number larger than they are shows it all of them.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/format/vhdx/check.h"
#include "engine/format/vhdx/header.h"
#include "engine/format/vhdx/layout.h"
#include "tests/crash/small_workloads.h"
#include "tests/judges/judge_support.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

namespace filesystem = std::filesystem;

// Copies one file out of a state, holes left out.
void put_out(FileSystem& from, const std::string& path, const std::string& to) {
  PosixFileSystem files;
  filesystem::remove(to);
  const auto source = must(from.open(path, OpenMode::read_only));
  const auto target = must(files.create(to));
  const uint64_t size_bytes = must(source->size_bytes());
  must(target->resize(size_bytes));
  std::vector<std::byte> bytes;
  for (uint64_t at = 0; at < size_bytes;) {
    const auto data = must(source->next_data(at));
    if (!data) break;
    bytes.resize(std::min(data->end(), size_bytes) - data->offset);
    must(source->read(data->offset, bytes));
    must(target->write(data->offset, bytes));
    at = data->end();
  }
}

void put_raw(Bytes content, const std::string& to) {
  PosixFileSystem files;
  filesystem::remove(to);
  const auto file = must(files.create(to));
  must(file->resize(content.size()));
  for (uint64_t at = 0; at < content.size(); at += 4 * kib) {
    const Bytes piece = content.subspan(at, std::min<uint64_t>(4 * kib, content.size() - at));
    if (!all_zero(piece)) must(file->write(at, piece));
  }
}

// The first of these that does not hold, in words.
std::optional<std::string> trouble_of(std::initializer_list<::testing::AssertionResult> claims) {
  for (const auto& claim : claims) {
    if (!claim) return claim.message();
  }
  return std::nullopt;
}

class QemuAfterCuts : public ::testing::TestWithParam<SmallWorkload> {
 protected:
  // Runs the workload; `judge` sees every state. Returns how many there were.
  static uint64_t for_each_state(const CrashWorkload::Judge& judge) {
    const CutLimits limits{.exhaustive_max = number_from_environment("VHDLAB_CRASH_SUBSETS", 64),
                           .random_cuts = 16};
    CrashWorkload workload(GetParam().shape, limits, 0, 1);
    workload.judge_states_by(judge);
    GetParam().work(workload);
    workload.finish();
    EXPECT_FALSE(workload.in_trouble()) << *workload.tally().trouble << "\nafter:" << workload.story();
    return workload.tally().cuts;
  }

  std::optional<std::string> judge(PowerCutFileSystem& disk, const std::string& path) {
    const std::string image = folder_.file("image.vhdx");
    const std::string raw = folder_.file("ours.raw");
    const auto content = read_disk(disk, path, OpenMode::read_only, random_);
    if (!content) return content.error().text();
    put_raw(*content, raw);
    put_out(disk, path, image);
    if (!qemu_finds_clean(image)) {
      must_run({"qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", image});
      ++replayed_by_qemu_;
    }
    if (auto trouble = trouble_of({qemu_finds_clean(image), qemu_reads_as(image, raw)}))
      return "recovered by qemu: " + *trouble;
    must(open_chain(disk, path, {.mode = OpenMode::read_write}, random_));  // recovers
    put_out(disk, path, image);
    if (auto trouble = trouble_of({qemu_finds_clean(image), qemu_reads_as(image, raw)}))
      return "recovered by us: " + *trouble;
    return std::nullopt;
  }

  TemporaryFolder folder_;
  SeededRandom random_{1};
  uint64_t replayed_by_qemu_ = 0;
};

TEST_P(QemuAfterCuts, ReplaysToWhatWeReplayToAndFindsBothClean) {
  // Goal: whatever a cut leaves is a VHDX for others too. Method: count the states, then show qemu an evenly
  // spread share of them, once as the cut left them and once recovered by us; compare both with what we read.
  VHDLAB_NEEDS_PROGRAMS("qemu-img");
  const uint64_t states = for_each_state([](auto&, const auto&, const auto&) { return std::nullopt; });
  const uint64_t wanted = std::clamp<uint64_t>(number_from_environment("VHDLAB_CRASH_JUDGED", 5), 1, states);
  uint64_t number = 0;
  uint64_t judged = 0;
  for_each_state([&](PowerCutFileSystem& disk, const std::string& path, const DiskOracle&) {
    const bool is_chosen = number * wanted / states != (number + 1) * wanted / states;
    ++number;
    if (!is_chosen) return std::optional<std::string>();
    ++judged;
    return judge(disk, path);
  });
  fmt::print("{}: qemu judged {} of {} states, {} logs replayed by both\n", GetParam().name, judged, states,
             replayed_by_qemu_);
}

std::vector<SmallWorkload> workloads_qemu_reads() {
  std::vector<SmallWorkload> workloads = small_workloads();
  std::erase_if(workloads, [](const SmallWorkload& workload) {
    return workload.name.starts_with("differencing") || workload.shape.sector_size_bytes != 512;
  });
  return workloads;
}

INSTANTIATE_TEST_SUITE_P(Workloads, QemuAfterCuts, ::testing::ValuesIn(workloads_qemu_reads()),
                         [](const auto& instance) { return instance.param.name; });

// ---- The other way round

// Runs `arguments` with its input from a file and kills it after `delay`. True where it ended by a signal.
bool run_and_kill(const std::vector<std::string>& arguments, const std::string& input,
                  std::chrono::microseconds delay) {
  std::vector<char*> words;
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open(input.c_str(), O_RDONLY), STDIN_FILENO);
    ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  const auto end = std::chrono::steady_clock::now() + delay;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= end) ::kill(child, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return WIFSIGNALED(status);
}

// How many entries of the log the headers name have reached the ring, whole or not.
uint64_t entries_begun(const std::string& path) {
  PosixFileSystem files;
  const auto file = must(files.open(path, OpenMode::read_only));
  const auto header = must(vhdx::read_current_header(*file, must(file->size_bytes()))).fields;
  uint64_t begun = 0;
  for (uint64_t at = 0; at < header.log_length; at += 4 * kib) {
    vhdx::LogEntryHeader entry;
    must(file->read(header.log_offset + at, std::as_writable_bytes(std::span(&entry, 1))));
    const bool is_entry = entry.signature == vhdx::LogEntryHeader::expected_signature;
    begun += is_entry && entry.log_guid == header.log_guid ? 1 : 0;
  }
  return begun;
}

TEST(QemuKilled, LeavesLogsThatWeReplayAsItDoes) {
  // Goal: dirty logs that others made. Method: kill qemu-io at random moments while it writes into new
  // blocks, flushing now and then; qemu's replay of one copy and ours of another must agree, read-only and
  // for good.
  VHDLAB_NEEDS_PROGRAMS("qemu-img", "qemu-io");
  const uint64_t seed = test_seed();
  SeededRandom random(seed);
  const uint64_t kills_wanted = std::max<uint64_t>(number_from_environment("VHDLAB_CRASH_KILLS", 40) / 4, 1);
  TemporaryFolder folder;
  const std::string image = folder.file("disk.vhdx");
  const std::string theirs = folder.file("theirs.vhdx");
  const std::string raw = folder.file("ours.raw");
  const std::string script = folder.file("commands");
  PosixFileSystem files;
  uint64_t kills = 0;
  uint64_t dirty = 0;
  uint64_t begun_only = 0;
  for (uint64_t run = 0; kills < kills_wanted || dirty == 0; ++run) {
    ASSERT_LT(run, 20 * kills_wanted + 100) << kills << " kills, no log left";
    filesystem::remove(image);
    must_run({"qemu-img", "create", "-q", "-f", "vhdx", "-o", "block_size=1M", image, "48M"});
    {
      std::ofstream commands(script);
      const auto steps = static_cast<int>(run % 2 == 0 ? 400 : 1 + random.next_u64() % 60);
      for (int step = 0; step < steps; ++step) {
        const uint64_t length = 512 * (1 + random.next_u64() % 64);
        const uint64_t offset = random.next_u64() % ((48 * mib - length) / 512) * 512;
        commands << fmt::format("write -q -P {} {} {}\n", 1 + step % 250, offset, length);
        if (random.next_u64() % 4 == 0) commands << "flush\n";
      }
      commands << "abort\n";  // dies by a signal of its own
    }
    const std::chrono::microseconds delay(run % 2 == 0 ? 20'000 + random.next_u64() % 80'000 : 5'000'000);
    kills += run_and_kill({"qemu-io", "-f", "vhdx", image}, script, delay) ? 1 : 0;
    SCOPED_TRACE(fmt::format("seed {}, run {}", seed, run));

    const auto content = read_disk(files, image, OpenMode::read_only, random);
    if (!content && content.error().fault == "vhdx-log-no-active-sequence") {
      // Killed between naming the log and the end of its first entry; a log that was lost looks the same.
      ASSERT_LE(entries_begun(image), 1U);
      ++begun_only;
      continue;
    }
    ASSERT_TRUE(content) << content.error().text();
    put_raw(*content, raw);
    must_run({"cp", "--sparse=always", image, theirs});
    if (!qemu_finds_clean(image)) {
      ++dirty;
      must_run({"qemu-img", "check", "-q", "-f", "vhdx", "-r", "all", theirs});
    }
    ASSERT_TRUE(qemu_reads_as(theirs, raw)) << "what qemu replays, we read";
    must(open_chain(files, image, {.mode = OpenMode::read_write}, random));
    ASSERT_TRUE(qemu_finds_clean(image)) << "what we replayed is clean";
    ASSERT_TRUE(qemu_reads_as(image, raw)) << "what we replayed, qemu reads";
    const auto report = vhdx::check_image(*must(files.open(image, OpenMode::read_only)));
    ASSERT_TRUE(report && !report->has(vhdx::Severity::damage));
  }
  fmt::print("{} kills of qemu-io, {} left a dirty log, {} came before its first entry was whole\n", kills,
             dirty, begun_only);
}

}  // namespace
}  // namespace vhdlab::tests
