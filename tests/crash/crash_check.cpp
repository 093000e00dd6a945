// The oracle, the search, and the check of one state; see crash_check.h.
#include "tests/crash/crash_check.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "engine/chain/chain_check.h"
#include "tests/support/same_bytes.h"

namespace vhdlab::tests {
namespace {

uint64_t count_of(const std::vector<uint32_t>& questions, uint64_t limit) {
  uint64_t count = 1;
  for (uint32_t answers : questions) {
    count *= answers;
    if (count > limit) return limit + 1;
  }
  return count;
}

// The next cut in counting order; false after the last.
bool advance(Cut& cut, const std::vector<uint32_t>& questions) {
  for (size_t i = 0; i < cut.size(); ++i) {
    if (++cut[i] < questions[i]) return true;
    cut[i] = 0;
  }
  return false;
}

// Random, and leaning to few or many changes as often as to half of them.
Cut random_cut(const std::vector<uint32_t>& questions, RandomSource& random) {
  constexpr std::array<double, 5> shares{0.02, 0.2, 0.5, 0.8, 0.98};
  const double share = shares[pick(random, shares.size())];
  Cut cut(questions.size());
  for (size_t i = 0; i < cut.size(); ++i) {
    if (!happens(random, share)) continue;
    cut[i] = happens(random, 0.5) ? questions[i] - 1 : static_cast<uint32_t>(pick(random, questions[i]));
  }
  return cut;
}

Cut everything(const std::vector<uint32_t>& questions) {
  Cut cut = questions;
  for (uint32_t& answer : cut)
    --answer;
  return cut;
}

std::string text_of(const Error& error) {
  return fmt::format("[{}] {}", error.fault, error.text());
}

}  // namespace

void DiskOracle::write(uint64_t offset, Bytes bytes) {
  for (uint64_t at = 0; at < bytes.size(); at += device_sector_bytes) {
    auto& versions = newer_[(offset + at) / device_sector_bytes];
    std::memcpy(versions.emplace_back().data(), bytes.data() + at, device_sector_bytes);
  }
  std::ranges::copy(bytes, live_.begin() + static_cast<ptrdiff_t>(offset));
}

void DiskOracle::zero(ByteRange range) {
  write(range.offset, std::vector<std::byte>(range.length));
}

void DiskOracle::trim(ByteRange range, uint64_t block_size_bytes) {
  for (uint64_t block = round_up(range.offset, block_size_bytes); block < range.end();
       block += block_size_bytes) {
    const uint64_t end = std::min<uint64_t>(block + block_size_bytes, live_.size());
    if (end <= range.end()) zero({block, end - block});
  }
}

void DiskOracle::flushed() {
  durable_ = live_;
  newer_.clear();
}

std::optional<std::string> DiskOracle::judge_after_cut(Bytes content) const {
  if (content.size() != durable_.size())
    return fmt::format("the disk has {} bytes, expected {}", content.size(), durable_.size());
  for (uint64_t at = 0; at < content.size();) {
    // Long runs first: sectors that were not written must all be as they were.
    const auto next = newer_.lower_bound(at / device_sector_bytes);
    const uint64_t end = next == newer_.end()
                             ? content.size()
                             : std::min<uint64_t>(content.size(), next->first * device_sector_bytes);
    if (end > at) {
      if (auto difference =
              first_difference(content.subspan(at, end - at), Bytes(durable_).subspan(at, end - at)))
        return fmt::format("flushed bytes from {:#x} on changed: {}", at, *difference);
      at = end;
      continue;
    }
    const Bytes sector = content.subspan(at, device_sector_bytes);
    const bool allowed =
        same_bytes(sector, Bytes(durable_).subspan(at, device_sector_bytes)) ||
        std::ranges::any_of(next->second, [&](const auto& version) { return same_bytes(sector, version); });
    if (!allowed) {
      return fmt::format("the sector at {:#x} holds none of its {} versions but {}", at,
                         next->second.size() + 1, all_zero(sector) ? "zeros" : "something else");
    }
    at += device_sector_bytes;
  }
  return std::nullopt;
}

std::optional<std::string> fault_found_by_check(FileSystem& files, const std::string& path, Leaf leaf) {
  const auto report = check_chain(files, path);
  if (!report) return "the check itself: " + text_of(report.error());
  for (const CheckedLayer& layer : report->layers) {
    const bool is_settled_leaf = leaf == Leaf::settled && &layer == &report->layers.front();
    for (const vhdx::Finding& finding : layer.report.findings) {
      if (finding.severity == vhdx::Severity::note) continue;
      if (finding.severity == vhdx::Severity::risk && !is_settled_leaf) continue;
      return fmt::format("check: {}: {} {} at {}: {}", layer.path, vhdx::name_of(finding.severity),
                         finding.name, finding.where, finding.found);
    }
  }
  for (const vhdx::Finding& finding : report->findings) {
    if (finding.severity == vhdx::Severity::damage)
      return fmt::format("check: {} at {}: {}", finding.name, finding.where, finding.found);
  }
  return std::nullopt;
}

std::optional<std::string> first_difference(Bytes found, Bytes expected) {
  if (found.size() != expected.size())
    return fmt::format("{} bytes, expected {}", found.size(), expected.size());
  if (std::memcmp(found.data(), expected.data(), found.size()) == 0) return std::nullopt;
  const auto [at, other] = std::ranges::mismatch(found, expected);
  const auto offset = static_cast<uint64_t>(at - found.begin());
  return fmt::format("at {:#x} found {:#04x}, expected {:#04x}", offset, static_cast<int>(*at),
                     static_cast<int>(*other));
}

Result<std::vector<std::byte>> read_disk(FileSystem& files, const std::string& path, OpenMode mode,
                                         RandomSource& random) {
  const Chain chain = TRY(open_chain(files, path, {.mode = mode}, random));
  std::vector<std::byte> content(chain.disk_size_bytes());
  ReadPlan plan;
  TRY(chain.read(0, content, plan));
  return content;
}

uint64_t explore_cuts(const PowerCutFileSystem& disk, const CutLimits& limits, RandomSource& random,
                      const std::function<bool(std::unique_ptr<PowerCutFileSystem>)>& visit) {
  const std::vector<uint32_t> questions = disk.open_questions();
  uint64_t visited = 0;
  auto go_on = [&](const Cut& cut) {
    ++visited;
    return visit(disk.after_cut(cut));
  };

  Cut cut(questions.size());
  if (count_of(questions, limits.exhaustive_max) <= limits.exhaustive_max) {
    do {
      if (!go_on(cut)) return visited;
    } while (advance(cut, questions));
    return visited;
  }
  if (!go_on(cut) || !go_on(everything(questions))) return visited;
  const uint64_t singles = std::min<uint64_t>(limits.singles_max, questions.size());
  for (uint64_t single = 0; single < singles; ++single) {
    const size_t i = singles == questions.size() ? single : pick(random, questions.size());
    Cut alone(questions.size());
    alone[i] = questions[i] - 1;
    Cut missing = everything(questions);
    missing[i] = 0;
    if (!go_on(alone) || !go_on(missing)) return visited;
  }
  for (uint64_t i = 0; i < limits.random_cuts; ++i) {
    if (!go_on(random_cut(questions, random))) return visited;
  }
  return visited;
}

void CrashTally::print(const std::string& name) const {
  std::string text = fmt::format("{}: {} states after a cut at {} barriers", name, cuts, moments);
  if (moments_exhausted > 0) text += fmt::format(", {} of them with every subset", moments_exhausted);
  if (replays > 0) text += fmt::format("; {} with a log to replay", replays);
  if (recovery_cuts > 0) text += fmt::format("; {} after a cut of the recovery", recovery_cuts);
  if (second_cuts > 0) text += fmt::format("; {} after a second cut", second_cuts);
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void check_state(PowerCutFileSystem& disk, const std::string& path, const DiskOracle& oracle, double effort,
                 RandomSource& random, CrashTally& tally) {
  constexpr CutLimits few{.exhaustive_max = 2, .random_cuts = 1, .singles_max = 0};
  auto report = [&](std::string what) {
    if (!tally.trouble) tally.trouble = std::move(what);
  };

  if (auto fault = fault_found_by_check(disk, path, Leaf::as_the_cut_left_it)) return report(*fault);
  const auto found = read_disk(disk, path, OpenMode::read_only, random);
  if (!found) return report("opened read-only after the cut: " + text_of(found.error()));
  if (auto trouble = oracle.judge_after_cut(*found)) return report("read-only after the cut: " + *trouble);

  // From here on, what was found is what must stay.
  const bool thorough = happens(random, effort);
  if (thorough) {
    disk.set_before_barrier([&] {
      if (happens(random, 0.5)) return;
      tally.recovery_cuts += explore_cuts(disk, few, random, [&](auto again) {
        const auto after = read_disk(*again, path, OpenMode::read_only, random);
        if (!after) {
          report("after a cut of the recovery: " + text_of(after.error()));
        } else if (auto trouble = first_difference(*after, *found)) {
          report("after a cut of the recovery: " + *trouble);
        }
        return !tally.trouble;
      });
    });
  }
  auto chain = open_chain(disk, path, {.mode = OpenMode::read_write}, random);
  disk.set_before_barrier({});
  if (!chain) return report("opened for writing after the cut: " + text_of(chain.error()));
  std::vector<std::byte> recovered(chain->disk_size_bytes());
  ReadPlan read_plan;
  if (const auto read = chain->read(0, recovered, read_plan); !read) return report(text_of(read.error()));
  if (auto trouble = first_difference(recovered, *found)) {
    return report("opened for writing it reads otherwise than read-only: " + *trouble);
  }
  auto& leaf = dynamic_cast<VhdxLayer&>(chain->leaf());
  if (leaf.image().log_was_dirty()) ++tally.replays;
  if (auto fault = fault_found_by_check(disk, path, Leaf::settled)) return report("recovered: " + *fault);
  if (!thorough || tally.trouble) return;

  // Work on the recovered disk, and cut that too.
  DiskOracle second(*found);
  WritePlan plan;
  const std::string intact = path;
  disk.set_before_barrier([&] {
    if (happens(random, 0.5)) return;
    tally.second_cuts += explore_cuts(disk, few, random, [&](auto again) {
      const auto after =
          read_disk(*again, path, happens(random, 0.5) ? OpenMode::read_only : OpenMode::read_write, random);
      if (!after) {
        report("after a second cut: " + text_of(after.error()));
      } else if (auto trouble = second.judge_after_cut(*after)) {
        report("after a second cut: " + *trouble);
      }
      return !tally.trouble;
    });
  });
  for (int round = 0; round < 2 && !tally.trouble; ++round) {
    const uint64_t sector = chain->sector_size_bytes();
    const uint64_t length = sector * (1 + pick(random, 2));
    const uint64_t offset = pick(random, (chain->disk_size_bytes() - length) / sector + 1) * sector;
    const auto bytes = random_bytes(length, random);
    second.write(offset, bytes);
    auto done = chain->write(offset, bytes, plan);
    if (done) done = round == 0 ? chain->flush() : chain->close();
    if (!done) report("written after the cut: " + text_of(done.error()));
    second.flushed();
  }
  disk.set_before_barrier({});
  if (tally.trouble) return;
  if (auto fault = fault_found_by_check(disk, path, Leaf::settled)) return report("closed: " + *fault);
  const auto last = read_disk(*disk.copy(), path, OpenMode::read_only, random);
  if (!last) return report("closed after the cut: " + text_of(last.error()));
  if (auto trouble = first_difference(*last, second.live())) report("closed after the cut: " + *trouble);
}

uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::vector<std::byte> random_bytes(uint64_t length, RandomSource& random) {
  std::vector<std::byte> bytes(length);
  uint64_t word = 0;
  for (uint64_t i = 0; i < length; ++i) {
    if (i % 8 == 0) word = mix64(i % device_sector_bytes == 0 ? random.next_u64() : word);
    bytes[i] = static_cast<std::byte>(word >> (i % 8 * 8));
    if (i % device_sector_bytes == 0) bytes[i] |= std::byte{1};
  }
  return bytes;
}

}  // namespace vhdlab::tests
