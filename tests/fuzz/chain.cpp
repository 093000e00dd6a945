// A folder of three images, each as the input describes it, opened as a chain from each of them: the search
// for parents ends, every byte is answered for, and a write through the leaf is there afterwards and leaves
// its neighbours alone.
#include <algorithm>

#include "engine/chain/chain_open.h"
#include "tests/fuzz/fuzz_image.h"
#include "tests/fuzz/fuzz_target.h"

namespace vhdlab::fuzz {
namespace {

std::vector<std::byte> read(const Chain& opened, ByteRange range, std::string_view what) {
  std::vector<std::byte> data(range.length);
  ReadPlan plan;
  promised(opened.read(range.offset, data, plan), what);
  return data;
}

void write_and_read_back(MemoryFileSystem& files, const std::string& path, const ChainOpenOptions& options) {
  SeededRandom random(1);
  const uint64_t sector = 4096;
  std::vector<std::byte> expected;
  ByteRange window;
  {
    auto opened = open_chain(files, path, options, random);
    if (!opened) return;
    const uint64_t disk = round_down(opened->disk_size_bytes(), sector);
    if (disk < 16 * sector) return;
    window = {round_down(disk / 3, sector), 8 * sector};
    ReadPlan read_plan;
    expected.resize(window.length);
    if (!opened->read(window.offset, expected, read_plan)) return;
    const std::vector<std::byte> data(sector, std::byte{0x5a});
    WritePlan plan;
    if (!opened->write(window.offset + 2 * sector, data, plan)) return;
    std::ranges::copy(data, expected.begin() + 2 * sector);
    promise(read(*opened, window, "reads after a write") == expected, "a write changes what it says");
    promised(opened->close(), "what took a write closes");
  }
  const Chain again = promised(open_chain(files, path, options, random), "a closed chain opens again");
  promise(read(again, window, "reads again") == expected, "what was written is there after closing");
}

}  // namespace

// Options, then two lengths and two images, the rest is the third.
void chain(Bytes bytes) {
  FuzzInput input(bytes);
  const uint8_t flags = input.u8();
  MemoryFileSystem files;
  SeededRandom random(1);
  for (const char* path : {base_path, child_path}) {
    FuzzInput image(input.take(input.u8()));
    put_image(files, image, path);
  }
  put_image(files, input, leaf_path);

  ChainOpenOptions options{.depth_max = 8, .ignore_id_mismatch = (flags & 1) != 0};
  for (const char* path : {base_path, child_path, leaf_path}) {
    const auto opened = open_chain(files, path, options, random);
    if (!opened) {
      promise(!opened.error().fault.empty() && !opened.error().message.empty(), "a failure says what it is");
      continue;
    }
    promise(opened->depth() <= 2, "three files make three layers at most");
    ReadPlan plan;
    std::vector<std::byte> data(128 * kib);
    for (const ByteRange& window : windows_of(opened->disk_size_bytes())) {
      const auto part = MutableBytes(data).first(std::min<uint64_t>(data.size(), window.length));
      if (!opened->read(window.offset, part, plan)) continue;
      uint64_t expected = window.offset;
      for (const ReadSegment& segment : plan.segments) {
        promise(segment.virtual_offset == expected && segment.length > 0, "segments follow each other");
        promise(segment.is_zero || segment.layer <= opened->depth(), "segments name a layer of the chain");
        expected += segment.length;
      }
      promise(expected == window.offset + part.size(), "segments cover what was asked");
    }
  }
  (void)find_children(files, "/", {base_path}, random);
  options.mode = OpenMode::read_write;
  write_and_read_back(files, leaf_path, options);
}

}  // namespace vhdlab::fuzz
