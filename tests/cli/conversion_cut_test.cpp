// A conversion with the power cut before every barrier: the name it was asked for holds what it held before
// or the whole new disk, never a part of it, and what it reads from is untouched.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/chain/chain_open.h"
#include "scenarios/cli/commands.h"
#include "tests/cli/cli_support.h"
#include "tests/crash/crash_check.h"

namespace vhdlab::tests {
namespace {

const std::string base = "/disks/base.vhdx";
const std::string leaf = "/disks/leaf.avhdx";
constexpr uint64_t disk_size = 3 * mib;

// A child with data and zeros of its own on a base; everything durable.
std::unique_ptr<PowerCutFileSystem> make_source(RandomSource& random) {
  auto files = std::make_unique<PowerCutFileSystem>();
  const vhdx::DiskMetadata metadata{.disk_size_bytes = disk_size,
                                    .block_size_bytes = 1 * mib,
                                    .virtual_disk_id = Guid::make_random(random)};
  EXPECT_TRUE(create_disk(*files, base, metadata, random));
  for (const std::string& path : {base, leaf}) {
    if (path == leaf) {
      EXPECT_TRUE(create_child(*files, base, leaf, {}, random));
    }
    auto chain = open_chain(*files, path, {.mode = OpenMode::read_write}, random).value();
    WritePlan plan;
    EXPECT_TRUE(chain.write(pick(random, 2) * mib + 4096, random_bytes(24 * kib, random), plan));
    EXPECT_TRUE(chain.write(2 * mib + 512, random_bytes(512, random), plan));
    EXPECT_TRUE(chain.close());
  }
  return files->copy();
}

struct Conversion {
  std::string to;
  std::vector<std::string> options;
  bool replaces = false;

  friend void PrintTo(const Conversion& conversion, std::ostream* to) { *to << conversion.to; }
};

class EveryCutOfAConversion : public testing::TestWithParam<Conversion> {
 protected:
  // The bytes of a raw image, what a VHDX reads as, nothing where there is no such file.
  Result<std::vector<std::byte>> content_of(PowerCutFileSystem& files, const std::string& path) {
    if (path.ends_with(".vhdx")) return read_disk(files, path, OpenMode::read_only, cutting_);
    const auto file = TRY(files.open(path, OpenMode::read_only));
    std::vector<std::byte> content(TRY(file->size_bytes()));
    TRY(file->read(0, content));
    return content;
  }

  SeededRandom random_{31};
  SeededRandom cutting_{32};
};

TEST_P(EveryCutOfAConversion, LeavesTheOldFileOrTheWholeNewOne) {
  // Goal: no cut makes half a disk appear, and none loses the file that is replaced before the new one is
  // there. Method: cut before every barrier of the command, every subset up to a bound; once it has returned,
  // any cut shows the new disk.
  const Conversion& conversion = GetParam();
  const auto files = make_source(random_);
  const auto source = read_disk(*files, leaf, OpenMode::read_only, random_).value();
  std::vector<std::byte> replaced;
  if (conversion.replaces) {
    const vhdx::DiskMetadata other{.disk_size_bytes = 5 * mib, .block_size_bytes = 1 * mib};
    ASSERT_TRUE(create_disk(*files, conversion.to, other, random_));
    replaced = content_of(*files, conversion.to).value();
  }
  CrashTally tally;
  uint64_t seen_old = 0;
  uint64_t seen_new = 0;
  bool returned = false;
  const auto judge = [&](PowerCutFileSystem& disk) -> std::optional<std::string> {
    const auto from = read_disk(disk, leaf, OpenMode::read_only, cutting_);
    if (!from) return "the source: " + from.error().text();
    if (auto difference = first_difference(*from, source)) return "the source: " + *difference;
    if (!disk.exists(conversion.to)) {
      ++seen_old;
      return returned ? std::optional("the result is gone after the command returned") : std::nullopt;
    }
    const auto found = content_of(disk, conversion.to);
    if (!found) return "the result: " + found.error().text();
    if (conversion.replaces && found->size() == replaced.size()) {
      ++seen_old;
      if (returned) return "the replaced file came back";
      return first_difference(*found, replaced);
    }
    ++seen_new;
    if (conversion.to.ends_with(".vhdx")) {
      if (auto fault = fault_found_by_check(disk, conversion.to, Leaf::settled)) return fault;
    }
    return first_difference(*found, source);
  };
  const auto look = [&] {
    if (tally.trouble) return;
    ++tally.moments;
    tally.cuts += explore_cuts(*files, {.exhaustive_max = 64, .random_cuts = 24, .singles_max = 8}, cutting_,
                               [&](auto disk) {
                                 tally.trouble = judge(*disk);
                                 return !tally.trouble;
                               });
  };
  TestWorld world(*files);
  std::vector<std::string> words = {leaf, conversion.to, "--quiet"};
  words.insert(words.end(), conversion.options.begin(), conversion.options.end());
  files->set_before_barrier(look);
  const auto converted = scenarios::disk_convert::run(
      world.context(), *scenarios::parse_arguments("", scenarios::disk_convert::syntax(), words));
  returned = converted.has_value();
  look();
  files->set_before_barrier({});
  ASSERT_TRUE(converted) << converted.error().text();
  tally.print("conversion to " + conversion.to);
  EXPECT_FALSE(tally.trouble) << *tally.trouble;
  EXPECT_GT(seen_old, 0U);
  EXPECT_GT(seen_new, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Targets, EveryCutOfAConversion,
    testing::Values(Conversion{"/disks/flat.vhdx", {"--block-size", "1MiB"}},
                    Conversion{"/disks/flat.raw", {}},
                    Conversion{"/disks/fixed.vhdx", {"--type", "fixed", "--block-size", "1MiB"}},
                    Conversion{"/disks/old.vhdx", {"--block-size", "1MiB", "--force"}, true}),
    [](const auto& instance) {
      std::string name = instance.param.to.substr(7);
      name[name.find('.')] = '_';
      return name;
    });

}  // namespace
}  // namespace vhdlab::tests
