// Merges against a plain copy of the same bytes: the extents that the merged
// layers hold, from their files to the same places of a plain file of the
// disk's size, made durable once at the end, as the merge makes its target.
//
// A merge consumes its disk, so every round merges a copy, made before the
// clock starts and durable. What the merged files hold is given back to the
// file system after the clock has stopped, and timed by itself: a copy has
// nothing to give back, and how long it takes is a matter of the file system
// (one that passes discards on to its device takes longer than the merge).
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "bench/peers/qemu_peer.h"
#include "bench/peers/questions.h"
#include "bench/peers/run_tool.h"
#include "bench/peers/vhdlab_peer.h"
#include "engine/base/random.h"
#include "engine/chain/chain_open.h"
#include "engine/io/counted_file_system.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/posix_file_system.h"
#include "engine/io/system_failure.h"
#include "engine/merge/merge_run.h"

namespace vhdlab::peers {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr uint64_t copy_buffer_bytes = mib;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// A disk to merge: a full base and layers of writes of one size, each layer
// changing `share` of the disk.
struct MergeCase {
  std::string name;
  std::string what;
  uint64_t disk_bytes = 0;
  uint32_t write_bytes = 0;
  double share = 0;  // of the disk's pieces of write_bytes, in each layer
  uint32_t layers = 1;
  uint64_t seed = 0;
  bool in_one_layer = false;  // the same writes, all into one layer: their union
};

// The pieces a layer writes, each once, drawn from the seed. Sorted, as a file
// system's own writes often are not; the place in the layer's file follows the
// blocks and not the order.
std::vector<uint64_t> pieces_of(const MergeCase& merge_case, uint32_t layer) {
  const uint64_t count = merge_case.disk_bytes / merge_case.write_bytes;
  std::vector<uint64_t> offsets;
  for (uint64_t piece = 0; piece < count; ++piece) {
    const uint64_t draw = mix64(merge_case.seed ^ mix64((uint64_t{layer} << 40) + piece));
    if (static_cast<double>(draw >> 11) * 0x1p-53 < merge_case.share)
      offsets.push_back(piece * merge_case.write_bytes);
  }
  return offsets;
}

void fill_piece(MutableBytes piece, uint64_t offset, uint32_t layer) {
  uint64_t word = mix64(offset ^ (uint64_t{layer} << 48));
  for (size_t at = 0; at + sizeof(word) <= piece.size(); at += sizeof(word)) {
    word = word * 6364136223846793005 + 1442695040888963407;
    std::memcpy(piece.data() + at, &word, sizeof(word));
  }
}

Result<void> build_case(const std::string& folder, const MergeCase& merge_case) {
  PosixFileSystem files;
  SeededRandom random(merge_case.seed);
  if (fs::exists(folder + "/built")) return {};
  fs::remove_all(folder);
  fs::create_directories(folder);
  TRY(create_disk(files, vhdlab_leaf(folder, 0),
                  {.disk_size_bytes = merge_case.disk_bytes, .block_size_bytes = 2 * mib}, random));
  Chain chain = TRY(open_chain(files, vhdlab_leaf(folder, 0), {.mode = OpenMode::read_write}, random));
  const auto plain = TRY(files.create(folder + "/target.raw"));
  WritePlan plan;
  std::vector<std::byte> block(2 * mib);
  for (uint64_t offset = 0; offset < merge_case.disk_bytes; offset += block.size()) {
    fill_piece(block, offset, 0);
    TRY(chain.write(offset, block, plan));
    TRY(plain->write(offset, block));
  }
  TRY(plain->flush());
  const uint32_t files_above = merge_case.in_one_layer ? 1 : merge_case.layers;
  for (uint32_t layer = 1; layer <= merge_case.layers; ++layer) {
    if (layer <= files_above) {
      TRY(take_checkpoint(files, chain, vhdlab_leaf(folder, layer), {}, CacheMode::buffered, random));
    }
    const MutableBytes piece = MutableBytes(block).first(merge_case.write_bytes);
    for (const uint64_t offset : pieces_of(merge_case, layer)) {
      fill_piece(piece, offset, layer);
      TRY(chain.write(offset, piece, plan));
    }
  }
  TRY(chain.close());
  TRY(TRY(files.create(folder + "/built"))->flush());
  return {};
}

// Copies of the disk's files, durable, in an empty folder.
Result<std::string> fresh_copy(const std::string& folder, const std::vector<std::string>& names) {
  const std::string copy = folder + "/copy";
  fs::remove_all(copy);
  fs::create_directories(copy);
  std::vector<std::string> words = {"cp", "--sparse=always", "--reflink=never"};
  std::vector<std::string> sync = {"sync"};
  for (const std::string& name : names) {
    words.push_back(folder + "/" + name);
    sync.push_back(copy + "/" + name);
  }
  words.push_back(copy + "/");
  TRY(run_tool(words));
  TRY(run_tool(sync));
  return copy;
}

std::vector<std::string> names_of_vhdx(uint32_t layers) {
  std::vector<std::string> names;
  for (uint32_t layer = 0; layer <= layers; ++layer)
    names.push_back(fs::path(vhdlab_leaf("", layer)).filename().string());
  return names;
}

// Bytes a second of the engine's merge of all layers into the base: from the
// closed chain until the base is the disk for good.
Result<Measured> merge_by_vhdlab(const std::string& folder, uint32_t layers) {
  const std::string copy = TRY(fresh_copy(folder, names_of_vhdx(layers)));
  PosixFileSystem files;
  CountedFileSystem counted(files);
  SeededRandom random(7);
  const auto begin = Clock::now();
  const MergeOutcome outcome = TRY(merge(counted, vhdlab_leaf(copy, layers), {.target = 0, .top = layers},
                                         {.force = true, .keep_sources = true}, random));
  const double seconds = seconds_since(begin);
  const auto begin_removal = Clock::now();
  for (uint32_t layer = layers; layer > 0; --layer)
    TRY(files.remove(vhdlab_leaf(copy, layer)));
  const double removal_seconds = seconds_since(begin_removal);
  uint64_t flushes = 0;
  for (const auto& [path, counters] : counted.all_counters())
    flushes += counters.flushes;
  fs::remove_all(copy);
  return Measured{.value = static_cast<double>(outcome.bytes_copied) / seconds,
                  .note = fmt::format("{} MiB in {:.3f} s, {} flushes; files removed in {:.3f} s",
                                      outcome.bytes_copied / mib, seconds, flushes, removal_seconds)};
}

// Where the bytes of a merge lie, and where they go.
struct CopyStep {
  int source = -1;
  uint64_t source_offset = 0;
  uint64_t target_offset = 0;
  uint64_t length = 0;
};

// Bytes a second of copying the same extents between plain files, with pread
// and pwrite.
Result<Measured> copy_plainly(const std::string& folder, uint32_t layers, uint64_t disk_bytes) {
  PosixFileSystem files;
  SeededRandom random(8);
  std::vector<FileDescriptor> sources;
  std::vector<CopyStep> steps;
  {
    const Chain chain = TRY(open_chain(files, vhdlab_leaf(folder, layers), {}, random));
    ReadPlan plan;
    for (uint32_t layer = 1; layer <= layers; ++layer)
      sources.emplace_back(::open(vhdlab_leaf(folder, layer).c_str(), O_RDONLY | O_CLOEXEC));
    TRY(resolve_walk(chain.layers().subspan(1), {0, disk_bytes}, plan));
    for (const ReadSegment& segment : plan.segments) {
      if (segment.is_zero) continue;
      steps.push_back(
          {sources[segment.layer].number(), segment.file_offset, segment.virtual_offset, segment.length});
    }
  }
  const std::string path = folder + "/target.raw";
  const FileDescriptor target(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!target.is_open()) return system_failure(path, "open", errno);
  ::fdatasync(target.number());

  AlignedBuffer buffer(copy_buffer_bytes);
  uint64_t copied = 0;
  const auto begin = Clock::now();
  for (const CopyStep& step : steps) {
    for (uint64_t done = 0; done < step.length;) {
      const size_t length = std::min<uint64_t>(buffer.size(), step.length - done);
      const ssize_t got =
          ::pread(step.source, buffer.bytes().data(), length, static_cast<off_t>(step.source_offset + done));
      if (got != static_cast<ssize_t>(length) ||
          ::pwrite(target.number(), buffer.bytes().data(), length,
                   static_cast<off_t>(step.target_offset + done)) != got) {
        return system_failure(path, "copy to", errno);
      }
      done += length;
    }
    copied += step.length;
  }
  if (::fdatasync(target.number()) != 0) return system_failure(path, "flush", errno);
  const double seconds = seconds_since(begin);
  return Measured{
      .value = static_cast<double>(copied) / seconds,
      .note = fmt::format("{} MiB in {:.3f} s, {} extents, 1 flush", copied / mib, seconds, steps.size())};
}

// ---- qemu: the same pieces in qcow2 layers, merged by qemu-img commit ----

Result<void> build_qemu_case(const std::string& folder, const MergeCase& merge_case) {
  if (fs::exists(folder + "/built-qemu")) return {};
  const std::string base = qemu_leaf(folder, 0);
  TRY(run_tool({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", "cluster_size=2M",
                folder + "/target.raw", base}));
  constexpr size_t commands_max = 2000;  // a process's arguments are limited
  const std::string leaf = qemu_leaf(folder, 1);
  TRY(run_tool({"qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", leaf}));
  const std::vector<uint64_t> offsets = pieces_of(merge_case, 1);
  for (size_t first = 0; first < offsets.size(); first += commands_max) {
    std::vector<std::string> words = {"qemu-io", "-t", "unsafe", "-f", "qcow2"};
    for (size_t i = first; i < std::min(first + commands_max, offsets.size()); ++i) {
      words.emplace_back("-c");
      words.push_back(fmt::format("write -q -P 165 {} {}", offsets[i], merge_case.write_bytes));
    }
    words.push_back(leaf);
    TRY(run_tool(words));
  }
  PosixFileSystem files;
  TRY(TRY(files.create(folder + "/built-qemu"))->flush());
  return {};
}

Result<Measured> merge_by_qemu(const std::string& folder, const MergeCase& merge_case) {
  const std::string copy = TRY(fresh_copy(folder, {"base.qcow2", "layer1.qcow2"}));
  // -d leaves the layer as it is: vhdlab removes its file, which costs as
  // little.
  const ToolRun run =
      TRY(run_tool({"qemu-img", "commit", "-q", "-d", "-t", "writeback", qemu_leaf(copy, 1)}));
  fs::remove_all(copy);
  const double seconds = std::chrono::duration<double>(run.duration).count();
  const uint64_t bytes = pieces_of(merge_case, 1).size() * merge_case.write_bytes;
  return Measured{.value = static_cast<double>(bytes) / seconds, .note = fmt::format("{:.3f} s", seconds)};
}

Question merge_against_copy(Bench& bench, const MergeCase& merge_case, double reach) {
  const std::string folder = (fs::path(bench.work_folder) / merge_case.name).string();
  const bool with_qemu = bench.qemu != nullptr;
  Question question{.name = merge_case.name, .lanes = {}, .rules = {}};
  question.prepare = [=]() -> Result<void> {
    TRY(build_case(folder, merge_case));
    if (with_qemu) TRY(build_qemu_case(folder, merge_case));
    return {};
  };
  // Files are read before the clock starts: by cp in the one case, here in the
  // others.
  question.lanes.push_back({"merge", [=] { return merge_by_vhdlab(folder, 1); }, {vhdlab_leaf(folder, 1)}});
  question.lanes.push_back({"copy",
                            [=] { return copy_plainly(folder, 1, merge_case.disk_bytes); },
                            {vhdlab_leaf(folder, 1), folder + "/target.raw"}});
  question.rules.push_back({.name = merge_case.name,
                            .what = merge_case.what + " / plain copy of the same extents",
                            .numerator = "merge",
                            .denominator = "copy",
                            .reach = reach,
                            .qemu = "qemu-" + merge_case.name});
  if (!with_qemu) return question;
  question.lanes.push_back(
      {"qemu", [=] { return merge_by_qemu(folder, merge_case); }, {qemu_leaf(folder, 1)}});
  question.rules.push_back(
      {.name = "qemu-" + merge_case.name,
       .what = "qemu: " + merge_case.what + ", qemu-img commit / plain copy of vhdlab's extents",
       .numerator = "qemu",
       .denominator = "copy"});
  return question;
}

Question merge_layers(Bench& bench) {
  const MergeCase many{.name = "merge-16",
                       .what = "",
                       .disk_bytes = bench.merge_disk_bytes,
                       .write_bytes = 64 * kib,
                       .share = 0.03,
                       .layers = 16,
                       .seed = bench.shape.seed};
  MergeCase one = many;
  one.in_one_layer = true;
  const std::string many_folder = (fs::path(bench.work_folder) / "merge-16").string();
  const std::string one_folder = (fs::path(bench.work_folder) / "merge-union").string();
  Question question{.name = "merge-16", .lanes = {}, .rules = {}};
  question.prepare = [=]() -> Result<void> {
    TRY(build_case(many_folder, many));
    return build_case(one_folder, one);
  };
  std::vector<std::string> layers;
  for (uint32_t layer = 1; layer <= many.layers; ++layer)
    layers.push_back(vhdlab_leaf(many_folder, layer));
  question.lanes.push_back({"16 layers", [=] { return merge_by_vhdlab(many_folder, many.layers); }, layers});
  question.lanes.push_back(
      {"1 layer", [=] { return merge_by_vhdlab(one_folder, 1); }, {vhdlab_leaf(one_folder, 1)}});
  question.rules.push_back({.name = "merge-16",
                            .what = "merge of 16 layers in one pass / of one "
                                    "layer with the same union, bytes a second",
                            .numerator = "16 layers",
                            .denominator = "1 layer",
                            .reach = 0.9});
  return question;
}

}  // namespace

std::vector<Question> merges(Bench& bench) {
  std::vector<Question> questions;
  const auto add = [&](std::string name, std::string what, uint32_t write_bytes, double share, double reach) {
    questions.push_back(merge_against_copy(bench,
                                           {.name = std::move(name),
                                            .what = std::move(what),
                                            .disk_bytes = bench.merge_disk_bytes,
                                            .write_bytes = write_bytes,
                                            .share = share,
                                            .seed = bench.shape.seed},
                                           reach));
  };
  add("merge-dense", "merge of one layer, 50 % of 64 KiB blocks changed", 64 * kib, 0.5, 0.9);
  add("merge-scattered-2", "merge of one layer, 2 % of scattered 4 KiB sectors changed", 4 * kib, 0.02, 0.8);
  add("merge-scattered-10", "merge of one layer, 10 % of scattered 4 KiB sectors changed", 4 * kib, 0.10,
      0.8);
  questions.push_back(merge_layers(bench));
  return questions;
}

}  // namespace vhdlab::peers
