// The bench of peers: its disk as a function, its turns, what it says about residency, and one tiny run of
// the whole program whose form is judged and whose values are not.
#include <cmath>
#include <numeric>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "bench/peers/peer.h"
#include "bench/peers/qemu_peer.h"
#include "bench/peers/questions.h"
#include "bench/peers/residency.h"
#include "bench/peers/rounds.h"
#include "engine/base/random.h"
#include "engine/io/posix_file_system.h"
#include "reports/history/figure_history.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::peers {
namespace {

TEST(PeersShape, ReadsTouchEveryBlockOnceAndNeighboursAreFarApart) {
  // Goal: the scattered order is a permutation without runs. Method: all blocks of three sizes, by the step.
  for (const uint64_t blocks : {uint64_t{8192}, uint64_t{262144}, uint64_t{1000}}) {
    const uint64_t step = scattered_step(blocks);
    EXPECT_EQ(std::gcd(step, blocks), 1U);
    std::set<uint64_t> seen;
    for (uint64_t i = 0; i < blocks; ++i)
      seen.insert(i * step % blocks);
    EXPECT_EQ(seen.size(), blocks);
    EXPECT_GT(step, blocks / 3);
    EXPECT_LT(step, blocks - blocks / 3);
  }
}

TEST(PeersShape, ProbesFollowTheLaw) {
  // Goal: the shape spreads data as the law for independent layers says. Method: M(1-(1-1/M)^N) units lie in
  // the layers of 1000 x 16 writes; the mean of files asked is counted for a shallow chain by hand.
  DiskShape shape;
  const auto units = static_cast<double>(shape.disk_bytes / shape.write_bytes);
  std::set<uint64_t> written;
  for (uint32_t layer = 1; layer <= shape.depth_max; ++layer) {
    for (uint32_t number = 0; number < shape.writes_per_layer; ++number)
      written.insert(write_of(shape, layer, number).offset);
  }
  const double expected = units * (1 - std::pow(1 - 1 / units, shape.depth_max * shape.writes_per_layer));
  EXPECT_NEAR(static_cast<double>(written.size()), expected, 0.02 * expected);
  EXPECT_EQ(mean_layers_probed(shape, 0), 1);
  EXPECT_NEAR(mean_layers_probed(shape, 1), 2, 0.01);
}

TEST(PeersRounds, TakeTurnsAndCompareWithinARound) {
  // Goal: A B A B, and a ratio is of one round. Method: two lanes whose values drift together; a third that
  // is refused takes its figure along and nothing else.
  std::string order;
  double drift = 1;
  Question question{
      .name = "q",
      .lanes = {{"a",
                 [&]() -> Result<Measured> {
                   order += 'a';
                   return Measured{2 * drift, "3 flushes"};
                 },
                 {}},
                {"b",
                 [&]() -> Result<Measured> {
                   order += 'b';
                   drift *= 10;
                   return Measured{drift / 10, {}};
                 },
                 {}},
                {"c",
                 [&]() -> Result<Measured> { return failure(ErrorKind::unsupported, "x", "no O_DIRECT"); },
                 {}}},
      .rules = {{.name = "a-b", .what = "", .numerator = "a", .denominator = "b"},
                {.name = "c-b", .what = "", .numerator = "c", .denominator = "b"}}};
  std::ostringstream progress;
  const auto answers = answer(question, 3, {}, progress);
  ASSERT_TRUE(answers) << answers.error().text();
  EXPECT_EQ(order, "ababab");
  ASSERT_EQ(answers->figures.size(), 1U);
  EXPECT_DOUBLE_EQ(answers->figures[0].low, 2);
  EXPECT_DOUBLE_EQ(answers->figures[0].high, 2);
  EXPECT_EQ(answers->figures[0].repeats, 3U);
  EXPECT_NE(answers->figures[0].notes[0].find("3 flushes"), std::string::npos);
  EXPECT_EQ(answers->not_measured, std::vector<std::string>{"c-b: no O_DIRECT"});
  const auto only_others = answer(question, 1, {"other"}, progress);
  ASSERT_TRUE(only_others);
  EXPECT_TRUE(only_others->figures.empty() && only_others->not_measured.empty());
}

TEST(PeersResidency, CountsDataAndNotHoles) {
  // Goal: a file just written is resident, and holes do not dilute it. Method: 64 KiB of data behind a hole.
  const tests::TemporaryFolder folder;
  PosixFileSystem files;
  const std::string path = folder.file("sparse");
  {
    const auto file = files.create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write(mib, std::vector<std::byte>(64 * kib, std::byte{1})));
  }
  const auto residency = make_resident({path});
  ASSERT_TRUE(residency) << residency.error().text();
  EXPECT_GE(residency->data_bytes, 64 * kib);
  EXPECT_DOUBLE_EQ(residency->share(), 1);
  EXPECT_FALSE(residency_of({folder.file("absent")}));
}

TEST(PeersResidency, WarmBelowLeavesNothingInThePageCache) {
  // Goal: direct figures begin without cached pages. Method: a file just written, whose pages are dirty.
  const tests::TemporaryFolder folder;
  struct statfs where{};
  ASSERT_EQ(statfs(folder.path().c_str(), &where), 0);
  if (where.f_type == TMPFS_MAGIC) GTEST_SKIP() << "the page cache is all that tmpfs has";
  PosixFileSystem files;
  const std::string path = folder.file("written");
  {
    const auto file = files.create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write(0, std::vector<std::byte>(mib, std::byte{1})));
  }
  ASSERT_DOUBLE_EQ(residency_of({path})->share(), 1);
  const auto residency = make_warm_below({path});
  ASSERT_TRUE(residency) << residency.error().text();
  EXPECT_EQ(residency->data_bytes, mib);
  EXPECT_EQ(residency->resident_bytes, 0U);
}

TEST(PeersQemu, TimesAreReadFromWhatItPrints) {
  // Goal: qemu's own clock is used. Method: its sentence, and one that lacks it.
  EXPECT_EQ(qemu_bench_seconds("Sending 5 requests ...\nRun completed in 1.250 seconds.\n").value_or(0),
            1.25);
  EXPECT_EQ(qemu_bench_seconds("usage: ...").error().fault, "peer-tool-output");
}

TEST(PeersBench, AnswersEveryQuestionInATinyRun) {
  // Goal: every figure is there, finite, and the history it leaves is one. Method: the program itself, on a
  // small disk; qemu's figures are asked for where qemu is.
  if (!tests::has_program("qemu-img") || !tests::has_program("qemu-io")) {
    GTEST_SKIP() << "not installed: qemu-img and qemu-io (package qemu-utils)";
  }
  const tests::TemporaryFolder folder;
  const auto run =
      tests::run_program({VHDLAB_PEERS_BENCH, "--tiny", "--repeats", "1", "--work", folder.path().string(),
                          "--history", folder.file("tiny.jsonl"), "--commit", "test"});
  ASSERT_TRUE(run) << run.error().text();
  ASSERT_TRUE(run->succeeded()) << run->output << run->errors;
  const auto figures = reports::read_history(folder.file("tiny.jsonl"));
  ASSERT_TRUE(figures) << figures.error().text();
  std::set<std::string> names;
  for (const reports::HistoryFigure& figure : *figures) {
    EXPECT_TRUE(names.insert(figure.figure).second) << figure.figure << " is there twice";
    EXPECT_TRUE(std::isfinite(figure.median)) << figure.figure;
  }
  for (const std::string name :
       {"cached-depth-mapped", "cached-plain-mapped", "cached-depth-psync", "cached-plain-psync",
        "cached-depth-walk", "qemu-cached-plain", "sequential-cached", "walk-8", "open", "memory",
        "qemu-open", "qemu-memory", "merge-dense", "merge-scattered-2", "merge-scattered-10", "merge-16",
        "qemu-merge-dense"}) {
    EXPECT_TRUE(names.contains(name)) << name << "\n" << run->output;
  }
  // Direct I/O may be refused here; then the output says so for each.
  for (const std::string name :
       {"direct-depth-psync", "sequential-direct", "first-writes-psync", "qemu-direct-plain"}) {
    EXPECT_TRUE(names.contains(name) || run->output.find("not measured: " + name) != std::string::npos)
        << name;
  }
}

}  // namespace
}  // namespace vhdlab::peers
