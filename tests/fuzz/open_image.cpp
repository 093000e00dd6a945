// One image by itself. Whatever opens can be read; opened for writing it shows the same; what is then
// written, zeroed or trimmed is there afterwards and nothing else has changed, by a plain array; and what we
// close opens again.
#include <algorithm>
#include <optional>

#include "tests/fuzz/fuzz_image.h"
#include "tests/fuzz/fuzz_target.h"

namespace vhdlab::fuzz {
namespace {

using vhdx::Image;

constexpr const char* path = "/disk.vhdx";
enum class Change : uint8_t { write, zero, trim, flush };

// What the disk should read as, in its windows.
class Model {
 public:
  explicit Model(Image& image) : windows_(windows_of(image.metadata().disk_size_bytes)) {
    for (const ByteRange& window : windows_)
      contents_.push_back(promised(read_alone(image, window), "what was read once reads again"));
  }

  void fill(ByteRange range, std::byte value) {
    for (size_t i = 0; i < windows_.size(); ++i) {
      const uint64_t begin = std::max(range.offset, windows_[i].offset);
      const uint64_t end = std::min(range.end(), windows_[i].end());
      if (begin >= end) continue;
      std::fill_n(contents_[i].begin() + static_cast<ptrdiff_t>(begin - windows_[i].offset), end - begin,
                  value);
    }
  }

  // A trim is a hint: each byte of the range is as before or zero. What it became is what it is from then on.
  void settle_trim(Image& image, ByteRange range) {
    for (size_t i = 0; i < windows_.size(); ++i) {
      const auto now = promised(read_alone(image, windows_[i]), "a trimmed disk reads");
      if (equal(now, contents_[i])) continue;
      auto may_be = contents_[i];
      const uint64_t begin = std::max(range.offset, windows_[i].offset);
      const uint64_t end = std::min(range.end(), windows_[i].end());
      for (uint64_t at = begin; at < end; ++at) {
        const size_t index = at - windows_[i].offset;
        if (now[index] == std::byte{0}) may_be[index] = std::byte{0};
      }
      promise(equal(now, may_be), "a trim zeros bytes of its range or leaves them");
      contents_[i] = now;
    }
  }

  void compare(Image& image, std::string_view what) const {
    promise(windows_ == windows_of(image.metadata().disk_size_bytes), "the disk keeps its size");
    for (size_t i = 0; i < windows_.size(); ++i)
      promise(equal(promised(read_alone(image, windows_[i]), what), contents_[i]), what);
  }

 private:
  std::vector<ByteRange> windows_;
  std::vector<std::vector<std::byte>> contents_;
};

Result<void> write(Image& image, const WritePlan& plan, std::byte value) {
  for (const ByteRange& zeros : plan.zero_fill)
    TRY(image.file().punch_hole(zeros));
  for (const Placement& placement : plan.data)
    TRY(image.file().write(placement.file_offset, std::vector<std::byte>(placement.length, value)));
  return image.publish(plan);
}

// Carries one change out; false where the image refuses it.
bool change(Image& image, Model& model, FuzzInput& input) {
  const auto kind = static_cast<Change>(input.u8() % 4);
  if (kind == Change::flush) return image.flush().has_value();
  const uint64_t sector = image.metadata().logical_sector_size_bytes;
  const uint64_t sectors = image.metadata().disk_size_bytes / sector;
  const uint64_t first = input.u16() % sectors;
  const uint8_t length = input.u8();
  // Two thirds of the lengths are short, the others reach over blocks.
  const uint64_t count =
      std::min(sectors - first, length < 170 ? uint64_t{length} + 1 : uint64_t{length} * 16);
  const ByteRange range{first * sector, count * sector};

  WritePlan plan;
  if (kind == Change::write) {
    const std::byte value{input.u8()};
    if (!image.plan_write(range, plan) || !write(image, plan, value)) return false;
    model.fill(range, value);
  } else if (kind == Change::zero) {
    if (!image.plan_zero(range, plan) || !write(image, plan, std::byte{0})) return false;
    model.fill(range, std::byte{0});
  } else {
    if (!image.plan_trim(range, plan) || !write(image, plan, std::byte{0})) return false;
    model.settle_trim(image, range);
  }
  return true;
}

}  // namespace

// The input's first part is the changes (one byte their number, then each), the rest describes the image.
void open_image(Bytes bytes) {
  FuzzInput input(bytes);
  FuzzInput changes(input.take(input.u8()));
  MemoryFileSystem files;
  SeededRandom random(1);
  put_image(files, input, path);

  std::optional<std::vector<std::byte>> first_read;
  if (auto image =
          Image::open(promised(files.open(path, OpenMode::read_only), "file"), OpenMode::read_only, random)) {
    if (auto read = read_windows(**image)) first_read = *std::move(read);
    if ((*image)->metadata().disk_size_bytes <= 1 * gib) (void)(*image)->census();
  }
  auto opened =
      Image::open(promised(files.open(path, OpenMode::read_write), "file"), OpenMode::read_write, random);
  if (!opened) {
    promise(!first_read.has_value(), "what opens to read opens to write");
    return;
  }
  const auto read_again = read_windows(**opened);
  promise(read_again.has_value() == first_read.has_value(), "a disk reads alike whichever way it is opened");
  if (!first_read) return;
  promise(equal(*read_again, *first_read), "a disk reads the same whichever way it is opened");

  Model model(**opened);
  while (!changes.empty()) {
    if (!change(**opened, model, changes)) return;
  }
  model.compare(**opened, "writes change what they say and nothing else");
  promised((*opened)->close(), "what took every write closes");
  opened->reset();

  for (OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
    const auto again =
        promised(Image::open(promised(files.open(path, mode), "file"), mode, random), "reopens");
    promise(!again->log_was_dirty(), "a closed image has an empty log");
    model.compare(*again, "what was written is there after closing");
  }
}

}  // namespace vhdlab::fuzz
