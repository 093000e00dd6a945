// The seeds of seeds.h: written down where a few bytes say it, drawn from a fixed seed, or cut from samples.
#include "tests/fuzz/seeds.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/base/random.h"
#include "engine/format/vhdx/header.h"
#include "engine/format/vhdx/metadata.h"
#include "engine/format/vhdx/region_table.h"
#include "engine/io/posix_file_system.h"
#include "tests/fuzz/fuzz_image.h"
#include "tests/support/checkout.h"
#include "tests/support/shared_folder.h"

namespace vhdlab::fuzz {
namespace {

namespace fs = std::filesystem;

class Writer {
 public:
  explicit Writer(std::string name) : seed_{std::move(name), {}} {}

  Writer& u8(uint64_t value) {
    seed_.bytes.push_back(static_cast<std::byte>(value));
    return *this;
  }
  Writer& u16(uint64_t value) { return u8(value & 0xff).u8(value >> 8); }
  Writer& raw(Bytes bytes) {
    seed_.bytes.insert(seed_.bytes.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Writer& text(std::string_view text) { return raw(std::as_bytes(std::span(text))); }
  Writer& patch(uint8_t place, uint16_t offset, Bytes bytes) {
    return u8(place).u16(offset).u8(bytes.size()).raw(bytes);
  }
  Seed done() { return std::move(seed_); }

 private:
  Seed seed_;
};

constexpr uint8_t mend_everything = 7;

std::vector<fs::path> files_under(std::string_view folder, std::string_view extension) {
  std::vector<fs::path> paths;
  const auto root = tests::shared_path(folder);
  if (!root) return paths;
  for (const auto& entry : fs::recursive_directory_iterator(*root)) {
    if (entry.is_regular_file() && entry.path().extension() == extension) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

// Calls `look(name, file, size_bytes, regions)` for the real images there are, as far as they can be read.
void for_each_real_image(auto&& look) {
  PosixFileSystem files;
  for (const char* extension : {".vhdx", ".avhdx"}) {
    for (const fs::path& path : files_under("samples/vhdx", extension)) {
      const auto file = files.open(path, OpenMode::read_only);
      if (!file) continue;
      const auto size = (*file)->size_bytes();
      if (!size) continue;
      if (const auto regions = vhdx::read_region_table(**file, *size))
        look("real-" + path.stem().string(), **file, *size, *regions);
    }
  }
}

// What of a real image has a place in a patched one: its header's fields, the items of its metadata, and the
// beginning of its block allocation table and log.
void add_real_images(std::vector<Seed>& seeds) {
  for_each_real_image([&](const std::string& name, File& file, uint64_t size, const vhdx::Regions& regions) {
    const auto header = vhdx::read_current_header(file, size);
    if (!header) return;
    const auto bytes_at = [&](uint64_t offset, size_t length) {
      std::vector<std::byte> bytes(length);
      if (!file.read(offset, bytes)) bytes.clear();
      return bytes;
    };
    Writer seed(name);
    seed.u8(0).u8(seeds.size() % base_image_count).u8(mend_everything);
    seed.patch(7, 0, bytes_at(regions.metadata.offset, 224));
    seed.patch(8, 0, bytes_at(regions.metadata.offset + 64 * kib, 250));
    seed.patch(9, 0, bytes_at(regions.bat.offset, 64));
    seed.patch(1, 8, bytes_at(vhdx::header_offsets[header->slot] + 8, 64));
    if (!header->fields.log_guid.is_zero()) seed.patch(5, 0, bytes_at(header->fields.log_offset, 192));
    seeds.push_back(seed.done());
  });
}

void add_real_locators(std::vector<Seed>& seeds) {
  for_each_real_image([&](const std::string& name, File& file, uint64_t, const vhdx::Regions& regions) {
    const auto metadata = vhdx::read_metadata(file, regions.metadata);
    if (!metadata || !metadata->has_parent()) return;
    std::vector<std::byte> item(metadata->parent_locator_item.length);
    if (file.read(metadata->parent_locator_item.offset, item))
      seeds.push_back(Writer(name).u8(0).raw(item).done());
  });
}

std::vector<Seed> image_seeds() {
  std::vector<Seed> seeds;
  for (uint8_t base = 0; base < base_image_count; ++base) {
    // A write, a zero, a trim of whole blocks, a flush, another write.
    Writer seed("base-" + std::to_string(base));
    seed.u8(19);
    seed.u8(0).u16(1).u8(3).u8(0x11);
    seed.u8(1).u16(2040).u8(200);
    seed.u8(2).u16(0).u8(255);
    seed.u8(3);
    seed.u8(0).u16(4096).u8(250).u8(0x22);
    seeds.push_back(seed.u8(base).u8(mend_everything).done());
  }
  add_real_images(seeds);
  return seeds;
}

std::vector<Seed> log_seeds() {
  std::vector<Seed> seeds;
  SeededRandom random(7);
  for (uint8_t base = 0; base < base_image_count; ++base) {
    Writer chained("chained-" + std::to_string(base));
    chained.u8(base).u8(base * 40).u8(9).u8(3);
    for (uint8_t entry = 0; entry < 3; ++entry)
      chained.u8(4).u8(2).u8(1).u16(8).u8(2).u8(6).u8(0).u8(12).u8(entry).u8(2 + 8 * 2);
    seeds.push_back(chained.done());
    Writer drawn("drawn-" + std::to_string(base));
    drawn.u8(base);
    for (int i = 0; i < 120; ++i)
      drawn.u8(random.next_u64() & (i % 3 == 0 ? 0x1f : 0xff));
    seeds.push_back(drawn.done());
  }
  return seeds;
}

std::vector<Seed> locator_seeds() {
  std::vector<Seed> seeds;
  const auto locator = vhdx::make_parent_locator(Guid::literal("11111111-2222-3333-4444-555555555555"),
                                                 "/disks/children", "/disks/base.vhdx");
  if (const auto item = vhdx::serialize_parent_locator(locator)) {
    seeds.push_back(Writer("usual").u8(0).raw(*item).done());
    seeds.push_back(Writer("usual-without-type").u8(1).raw(Bytes(*item).subspan(sizeof(Guid))).done());
  }
  add_real_locators(seeds);
  return seeds;
}

std::vector<Seed> chain_seeds() {
  std::vector<Seed> seeds;
  for (uint8_t leaf = 0; leaf < base_image_count; ++leaf) {
    for (uint8_t child : {1, 4, 7}) {
      Writer seed("chain-" + std::to_string(child) + "-" + std::to_string(leaf));
      seed.u8(leaf % 2).u8(2).u8(leaf / 3).u8(mend_everything).u8(2).u8(child).u8(mend_everything);
      seeds.push_back(seed.u8(leaf).u8(mend_everything).done());
    }
  }
  return seeds;
}

std::vector<std::byte> contents_of(const fs::path& path, size_t limit) {
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  text.resize(std::min(text.size(), limit));
  const Bytes bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::vector<Seed> scenario_seeds() {
  std::vector<Seed> seeds;
  for (const auto& entry : fs::directory_iterator(tests::checkout_path("scenarios/library"))) {
    if (entry.path().extension() == ".yaml")
      seeds.push_back({entry.path().stem().string(), contents_of(entry.path(), 64 * kib)});
  }
  std::ranges::sort(seeds, {}, &Seed::name);
  return seeds;
}

std::vector<Seed> trace_seeds() {
  std::vector<Seed> seeds;
  for (uint8_t flags : {0, 5, 7, 13}) {
    seeds.push_back(Writer("csv-" + std::to_string(flags))
                        .u8(flags)
                        .text("time,op,size,lbn\n0.5,28,4096,8\n0.75,2a,512,6000\n1,R,700,131072\n2,W,0,1\n")
                        .done());
    seeds.push_back(
        Writer("fio2-" + std::to_string(flags))
            .u8(flags)
            .text("fio version 2 iolog\nd add\nd open\nd read 0 4096\nd write 4096 512\nd trim 0 4096\n"
                  "d wait 10\nd sync\nd close\n")
            .done());
    seeds.push_back(
        Writer("fio3-" + std::to_string(flags))
            .u8(flags)
            .text("fio version 3 iolog\n0 d add\n1 d open\n2 d read 0 4096\n3 d datasync\n4 d close\n")
            .done());
  }
  for (const fs::path& path : files_under("traces", ".gz")) {
    const auto head = contents_of(path, 4 * kib);  // a compressed file cut short, which is a case of its own
    seeds.push_back(Writer("real-" + path.stem().string()).u8(5).raw(head).done());
  }
  return seeds;
}

}  // namespace

std::vector<Seed> seeds_of(std::string_view target) {
  if (target == "open_image") return image_seeds();
  if (target == "log_replay") return log_seeds();
  if (target == "parent_locator") return locator_seeds();
  if (target == "chain") return chain_seeds();
  if (target == "scenario") return scenario_seeds();
  if (target == "trace") return trace_seeds();
  return {};
}

}  // namespace vhdlab::fuzz
