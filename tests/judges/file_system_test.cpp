// Real file systems with a history: an image is filled from files of this machine, put under twenty
// checkpoints with file changes in between, and merged; it must equal its raw twin at every step and stay
// whole.
//
// The judges are the file systems' own tools. e2fsck -fn reads all structures of ext4 and fails on any doubt;
// ntfsfix -n is milder, it mounts the volume and compares the master file table with its mirror, so ntfscat
// reads a file back as well. Neither needs a mount, so the tests need no rights.
#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/base/crc32c.h"
#include "engine/chain/copy_disk.h"
#include "engine/merge/merge_run.h"
#include "tests/judges/judge_support.h"

namespace vhdlab::tests {
namespace {

namespace fs = std::filesystem;

constexpr int checkpoints = 20;
constexpr uint64_t image_size_bytes = 64 * mib;
constexpr uint64_t first_fill_bytes = 20 * mib;
constexpr uint64_t compare_unit_bytes = 4 * kib;

// Documents and headers of this machine, always in the same order; names a debugfs script can take.
class FilesOfThisMachine {
 public:
  FilesOfThisMachine() {
    for (const char* folder :
         {"/usr/share/doc", "/usr/share/common-licenses", "/usr/include", "/usr/share/perl"}) {
      std::error_code error;
      const auto readable = fs::directory_options::skip_permission_denied;
      for (fs::recursive_directory_iterator at(folder, readable, error), end; !error && at != end;
           at.increment(error)) {
        if (at->is_symlink(error) || !at->is_regular_file(error)) continue;
        const uint64_t size = at->file_size(error);
        if (!error && size > 0 && size < 4 * mib && has_plain_name(at->path()))
          files_.emplace(at->path(), size);
      }
    }
    next_ = files_.begin();
  }

  [[nodiscard]] bool has_enough() const {
    uint64_t total = 0;
    for (const auto& [path, size] : files_)
      total += size;
    return total >= first_fill_bytes + 8 * mib && files_.size() > 400;
  }

  // The next file; begins anew after the last.
  fs::path next() {
    if (next_ == files_.end()) next_ = files_.begin();
    return (next_++)->first;
  }

  [[nodiscard]] uint64_t size_of(const fs::path& path) const { return files_.at(path); }

 private:
  static bool has_plain_name(const fs::path& path) {
    return std::ranges::all_of(path.string(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("/._-+").contains(c);
    });
  }

  std::map<fs::path, uint64_t> files_;  // in the order of their names
  std::map<fs::path, uint64_t>::const_iterator next_;
};

// One kind of file system in a raw image, changed by its own tools.
class ImageOfFiles {
 public:
  virtual ~ImageOfFiles() = default;
  virtual void make(const std::string& raw) = 0;
  virtual void change(const std::string& raw, int step) = 0;
  // Throws where the image is not whole.
  virtual void check(const std::string& raw) = 0;
};

class Ext4Image final : public ImageOfFiles {
 public:
  static std::string missing() { return missing_programs({"mke2fs", "debugfs", "e2fsck"}); }

  explicit Ext4Image(const TemporaryFolder& folder) : folder_(folder) {}

  void make(const std::string& raw) override {
    const fs::path staging = folder_.path() / "staging";
    for (uint64_t bytes = 0; bytes < first_fill_bytes;) {
      const fs::path source = files_.next();
      const fs::path target = staging / source.relative_path();
      fs::create_directories(target.parent_path());
      fs::copy_file(source, target, fs::copy_options::overwrite_existing);
      bytes += files_.size_of(source);
    }
    must_run({"mke2fs", "-q", "-t", "ext4", "-d", staging.string(), raw,
              fmt::format("{}k", image_size_bytes / kib)});
    fs::remove_all(staging);
  }

  void change(const std::string& raw, int step) override {
    const std::string script_path = folder_.file("script");
    {
      std::ofstream script(script_path);
      script << fmt::format("mkdir step{}\n", step);
      for (int i = 0; i < 25; ++i) {
        const std::string name = fmt::format("step{}/file{}", step, i);
        script << fmt::format("write {} {}\n", files_.next().string(), name);
        written_.push_back(name);
      }
      for (int i = 0; i < 12; ++i) {  // from the middle: neighbours stay
        const auto at = written_.begin() + static_cast<ptrdiff_t>(written_.size() / 2);
        script << fmt::format("rm {}\n", *at);
        written_.erase(at);
      }
    }
    must_run({"debugfs", "-w", "-f", script_path, raw});
  }

  void check(const std::string& raw) override { must_run({"e2fsck", "-f", "-n", raw}); }

 private:
  const TemporaryFolder& folder_;
  FilesOfThisMachine files_;
  std::vector<std::string> written_;
};

class NtfsImage final : public ImageOfFiles {
 public:
  static std::string missing() { return missing_programs({"mkntfs", "ntfscp", "ntfscat", "ntfsfix"}); }

  explicit NtfsImage(const TemporaryFolder&) {}

  void make(const std::string& raw) override {
    std::ofstream(raw).close();
    fs::resize_file(raw, image_size_bytes);
    must_run({"mkntfs", "-F", "-Q", "-q", raw});
    uint64_t bytes = 0;
    for (int i = 0; i < 150; ++i) {
      const fs::path source = files_.next();
      if ((bytes += files_.size_of(source)) > first_fill_bytes) break;
      copy(raw, source, fmt::format("file{}", i));
    }
  }

  // New files, and others in the place of old ones: ntfscp cannot remove.
  void change(const std::string& raw, int step) override {
    for (int i = 0; i < 8; ++i)
      copy(raw, files_.next(), fmt::format("step{}-file{}", step, i));
    for (int i = 0; i < 6; ++i)
      copy(raw, files_.next(), fmt::format("file{}", (step * 6 + i) % 150));
  }

  void check(const std::string& raw) override {
    must_run({"ntfsfix", "-n", raw});
    for (const auto& [name, source] : sources_) {
      if (read_whole(source) != must_run({"ntfscat", raw, name}))
        throw std::runtime_error(name + " differs from " + source);
    }
  }

 private:
  void copy(const std::string& raw, const fs::path& source, const std::string& name) {
    must_run({"ntfscp", "-q", raw, source.string(), name});
    sources_[name] = source.string();
  }

  static std::string read_whole(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  FilesOfThisMachine files_;
  std::map<std::string, std::string> sources_;  // by name inside
};

// Brings the chain from the content of `before` to that of `after`, as a guest would: only what changed.
uint64_t apply_changes(Chain& chain, const std::string& before, const std::string& after) {
  RawReader old_disk(before);
  RawReader new_disk(after);
  std::vector<std::byte> old_bytes(1 * mib);
  std::vector<std::byte> new_bytes(1 * mib);
  WritePlan plan;
  uint64_t written = 0;
  for (uint64_t offset = 0; offset < image_size_bytes; offset += new_bytes.size()) {
    old_disk.read(offset, old_bytes);
    new_disk.read(offset, new_bytes);
    auto changed = [&](uint64_t at) {
      return std::memcmp(old_bytes.data() + at, new_bytes.data() + at, compare_unit_bytes) != 0;
    };
    for (uint64_t begin = 0; begin < new_bytes.size(); begin += compare_unit_bytes) {
      if (!changed(begin)) continue;
      uint64_t end = begin + compare_unit_bytes;
      while (end < new_bytes.size() && changed(end))
        end += compare_unit_bytes;
      must(chain.write(offset + begin, Bytes(new_bytes).subspan(begin, end - begin), plan));
      written += end - begin;
      begin = end;
    }
  }
  return written;
}

uint32_t checksum_of_disk(const Chain& chain) {
  ReadPlan plan;
  std::vector<std::byte> piece(1 * mib);
  uint32_t checksum = 0;
  for (uint64_t offset = 0; offset < chain.disk_size_bytes(); offset += piece.size()) {
    must(chain.read(offset, piece, plan));
    checksum = crc32c(piece, checksum);
  }
  return checksum;
}

// The chain's files, base first, and what each one's disk must read as.
struct History {
  struct Moment {
    std::string path;
    uint32_t checksum;
  };
  PosixFileSystem files;
  SeededRandom random{60};
  std::vector<Moment> moments;

  [[nodiscard]] const std::string& leaf() const { return moments.back().path; }

  // Every moment still reads as it was, not only the newest.
  void expect_all_moments() {
    for (const Moment& moment : moments) {
      const auto chain = must(open_chain(files, moment.path, {}, random));
      EXPECT_EQ(checksum_of_disk(chain), moment.checksum) << moment.path;
    }
  }

  void merge_layers(LayerIndex target, LayerIndex top) {
    SCOPED_TRACE(fmt::format("layers {} to {} into {}", target + 1, top, target));
    must(merge(files, leaf(), {.target = target, .top = top}, {}, random));
    moments[target].checksum = moments[top].checksum;
    moments.erase(moments.begin() + target + 1, moments.begin() + top + 1);
    expect_all_moments();
  }
};

template <typename Image>
void live_through_checkpoints_and_merges() {
  TemporaryFolder folder;
  if (!FilesOfThisMachine().has_enough())
    GTEST_SKIP() << "too few files under /usr/share/doc and /usr/include";
  const std::string raw = folder.file("twin.raw");
  const std::string before = folder.file("before.raw");
  Image image(folder);
  image.make(raw);
  ASSERT_EQ(fs::file_size(raw), image_size_bytes);
  ASSERT_NO_THROW(image.check(raw));

  History history;
  history.moments.push_back({folder.file("disk.vhdx"), checksum_of_file(raw)});
  must(create_disk(history.files, history.leaf(), make_disk(image_size_bytes, 32 * mib), history.random));
  auto chain = std::make_unique<Chain>(
      must(open_chain(history.files, history.leaf(), {.mode = OpenMode::read_write}, history.random)));
  {
    const auto source = must(open_chain(history.files, raw, {.format = DiskFormat::raw}, history.random));
    must(copy_disk(source, *chain, {}, {}));
  }
  ASSERT_TRUE(reads_as(*chain, raw));

  auto change_and_compare = [&](int step) {
    fs::copy_file(raw, before, fs::copy_options::overwrite_existing);
    image.change(raw, step);
    EXPECT_GT(apply_changes(*chain, before, raw), 0);
    ASSERT_TRUE(reads_as(*chain, raw)) << "step " << step;
    history.moments.back().checksum = checksum_of_file(raw);
  };
  for (int step = 1; step <= checkpoints; ++step) {
    const std::string child =
        folder.file(fmt::format("disk_{}.avhdx", Guid::make_random(history.random).to_upper()));
    must(take_checkpoint(history.files, *chain, child, {}, CacheMode::buffered, history.random));
    history.moments.push_back({child, 0});
    ASSERT_NO_FATAL_FAILURE(change_and_compare(step));
  }
  must(chain->close());
  chain.reset();
  history.expect_all_moments();
  ASSERT_FALSE(::testing::Test::HasFailure());

  history.merge_layers(8, 9);    // one in the middle
  history.merge_layers(11, 16);  // a range
  history.merge_layers(0, 1);    // the oldest into the base
  const auto depth = static_cast<LayerIndex>(history.moments.size() - 1);
  history.merge_layers(depth - 1, depth);  // the newest
  ASSERT_FALSE(::testing::Test::HasFailure());

  chain = std::make_unique<Chain>(
      must(open_chain(history.files, history.leaf(), {.mode = OpenMode::read_write}, history.random)));
  ASSERT_NO_FATAL_FAILURE(change_and_compare(checkpoints + 1));  // life goes on after merges
  must(chain->close());
  chain.reset();
  history.expect_all_moments();
  history.merge_layers(0, static_cast<LayerIndex>(history.moments.size() - 1));  // all
  ASSERT_EQ(history.moments.size(), 1);
  EXPECT_TRUE(reads_as(history.leaf(), raw));

  const std::string result = folder.file("result.raw");
  must(must(history.files.create(result))->resize(image_size_bytes));
  {
    const auto merged = must(open_chain(history.files, history.leaf(), {}, history.random));
    auto target = must(open_chain(history.files, result,
                                  {.mode = OpenMode::read_write, .format = DiskFormat::raw}, history.random));
    must(copy_disk(merged, target, {}, {}));
  }  // closed: the tools below ask for locks of their own
  EXPECT_EQ(checksum_of_file(result), checksum_of_file(raw));
  EXPECT_NO_THROW(image.check(result));
}

TEST(Ext4, LivesThroughTwentyCheckpointsAndTheirMerges) {
  // Goal: byte-identical to the raw twin at every step, and whole for e2fsck in the end.
  if (const std::string missing = Ext4Image::missing(); !missing.empty())
    GTEST_SKIP() << "not installed: " << missing;
  live_through_checkpoints_and_merges<Ext4Image>();
}

TEST(Ntfs, LivesThroughTwentyCheckpointsAndTheirMerges) {
  // Goal: the same for NTFS, whole for ntfsfix, and every file in it reads as its source.
  if (const std::string missing = NtfsImage::missing(); !missing.empty())
    GTEST_SKIP() << "not installed: " << missing;
  live_through_checkpoints_and_merges<NtfsImage>();
}

}  // namespace
}  // namespace vhdlab::tests
