// What every File and FileSystem must do, written once. An implementation joins by saying how to make a world
// of it:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, FileConformance,
//                            testing::Values(FileImplementation{"memory", make_memory_world}));
//
// in one .cpp file of its own program that includes this header. A world that cannot be made here (a device
// without direct I/O, say) skips its tests and says why.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/io/file_system.h"
#include "tests/support/same_bytes.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {

// One file system with an empty folder in it.
class FileWorld {
 public:
  virtual ~FileWorld() = default;
  virtual FileSystem& files() = 0;
  virtual std::string folder() = 0;
  virtual CacheMode cache() { return CacheMode::buffered; }
};

struct FileImplementation {
  std::string name;
  std::function<Result<std::unique_ptr<FileWorld>>()> make_world;

  friend void PrintTo(const FileImplementation& implementation, std::ostream* to) {
    *to << implementation.name;
  }
};

// The fault's name, or "none": makes an unexpected fault visible in a failing comparison.
template <typename T>
[[nodiscard]] std::string fault_of(const Result<T>& result) {
  return result ? "none" : result.error().fault;
}

class FileConformance : public testing::TestWithParam<FileImplementation> {
 protected:
  void SetUp() override {
    auto made = GetParam().make_world();
    if (!made) GTEST_SKIP() << made.error().text();
    world_ = std::move(*made);
  }

  FileSystem& files() { return world_->files(); }
  std::string path(const std::string& name) { return world_->folder() + "/" + name; }

  // These end the test by an exception where the file system refuses what it must allow.
  std::unique_ptr<File> create(const std::string& name) {
    return value(files().create(path(name), world_->cache()));
  }
  std::unique_ptr<File> open(const std::string& name, OpenMode mode = OpenMode::read_only) {
    return value(files().open(path(name), mode, world_->cache()));
  }
  template <typename T>
  static T value(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text());
    return std::move(*result);
  }
  static void done(const Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().text());
  }

  static std::vector<std::byte> random_bytes(RandomSource& random, size_t length) {
    std::vector<std::byte> bytes(length);
    for (std::byte& byte : bytes)
      byte = static_cast<std::byte>(random.next_u64());
    return bytes;
  }
  static std::vector<std::byte> read_all(File& file) { return read(file, 0, value(file.size_bytes())); }
  static std::vector<std::byte> read(File& file, uint64_t offset, size_t length) {
    std::vector<std::byte> bytes(length, std::byte{0xee});
    done(file.read(offset, bytes));
    return bytes;
  }

  std::unique_ptr<FileWorld> world_;
};

// ---- bytes ----

TEST_P(FileConformance, ANewFileIsEmpty) {
  // Created, looked at.
  auto file = create("new");
  EXPECT_EQ(value(file->size_bytes()), 0u);
  EXPECT_EQ(value(file->next_data(0)), std::nullopt);
  EXPECT_EQ(file->name(), path("new"));
}

TEST_P(FileConformance, ReadsBackWhatWasWrittenAtAnyOffsetAndAddress) {
  // Requests on, across and beside block borders, from buffers at odd addresses, each against a model of the
  // file.
  SeededRandom random(test_seed());
  auto file = create("shapes");
  std::vector<std::byte> model;
  for (ByteRange range : {ByteRange{0, 1},
                          {0, 4096},
                          {4096, 4096},
                          {511, 2},
                          {4095, 2},
                          {1, 4095},
                          {1, 4094},
                          {4096, 1},
                          {8191, 4098},
                          {12288, 512},
                          {100, 20000},
                          {65536, 65536},
                          {65535, 65538},
                          {200000, 3 * mib + 7},
                          {4096, 2 * mib}}) {
    for (size_t skew : {0u, 1u, 512u}) {
      std::vector<std::byte> buffer = random_bytes(random, range.length + skew);
      Bytes bytes = Bytes(buffer).subspan(skew);
      done(file->write(range.offset, bytes));
      model.resize(std::max<size_t>(model.size(), range.end()));
      std::ranges::copy(bytes, model.begin() + static_cast<ptrdiff_t>(range.offset));

      std::vector<std::byte> target(range.length + skew);
      done(file->read(range.offset, MutableBytes(target).subspan(skew)));
      ASSERT_TRUE(same_bytes(MutableBytes(target).subspan(skew), bytes))
          << range.offset << "+" << range.length;
      ASSERT_EQ(value(file->size_bytes()), model.size()) << range.offset << "+" << range.length;
    }
  }
  EXPECT_TRUE(read_all(*file) == model);
}

TEST_P(FileConformance, AWriteBeyondTheEndLeavesZerosBetween) {
  // A few bytes, then a few more far behind them; once near a block border, once not.
  auto file = create("gap");
  std::vector<std::byte> mark(100, std::byte{0xab});
  done(file->write(10, mark));
  done(file->write(300'001, mark));
  ASSERT_EQ(value(file->size_bytes()), 300'101u);
  std::vector<std::byte> expected(300'101);
  std::fill_n(expected.begin() + 10, 100, std::byte{0xab});
  std::fill_n(expected.begin() + 300'001, 100, std::byte{0xab});
  EXPECT_TRUE(read_all(*file) == expected);
}

TEST_P(FileConformance, AReadPastTheEndIsTooShort) {
  // A file of 5000 bytes, asked across its end, at its end, beyond it, and beyond what an offset can say.
  auto file = create("short");
  done(file->write(0, std::vector<std::byte>(5000)));
  for (ByteRange range : {ByteRange{0, 5001},
                          {4096, 4096},
                          {4999, 2},
                          {5000, 1},
                          {8192, 4096},
                          {UINT64_MAX - 10, 5},
                          {uint64_t{1} << 63, 4096}}) {
    std::vector<std::byte> into(range.length);
    auto result = file->read(range.offset, into);
    ASSERT_EQ(fault_of(result), "file-too-short") << range.offset << "+" << range.length;
    EXPECT_TRUE(result.error().message.starts_with(file->name())) << result.error().message;
  }
  EXPECT_EQ(read(*file, 4999, 1).size(), 1u);
  EXPECT_EQ(read(*file, 4096, 904).size(), 904u);
}

TEST_P(FileConformance, EmptyRequestsDoNothing) {
  // No bytes, inside the file and past its end.
  auto file = create("empty");
  done(file->write(0, std::vector<std::byte>(10)));
  for (uint64_t offset : {0u, 7u, 10u, 4096u, 70'001u}) {
    done(file->write(offset, {}));
    done(file->read(offset, {}));
    done(file->punch_hole({offset, 0}));
  }
  EXPECT_EQ(value(file->size_bytes()), 10u);
}

TEST_P(FileConformance, WhatAnOffsetCannotSayIsTooLarge) {
  // System calls count offsets in 63 bits.
  auto file = create("large");
  std::vector<std::byte> bytes(4096);
  EXPECT_EQ(fault_of(file->write(uint64_t{1} << 63, bytes)), "file-too-large");
  EXPECT_EQ(fault_of(file->write((uint64_t{1} << 63) - 4096 + 1, bytes)), "file-too-large");
  EXPECT_EQ(fault_of(file->write(UINT64_MAX - 4095, bytes)), "file-too-large");
  EXPECT_EQ(fault_of(file->resize(uint64_t{1} << 63)), "file-too-large");
  EXPECT_EQ(value(file->next_data(UINT64_MAX)), std::nullopt);
  EXPECT_EQ(value(file->size_bytes()), 0u);
}

TEST_P(FileConformance, CopiesFromAnotherFileAtAnyOffset) {
  // Goal: whatever way the bytes take, they arrive, and nothing beside them changes. Method: aligned, odd,
  // short and long ranges with a hole in the source, inside and past the end of the target, against a model.
  SeededRandom random(test_seed());
  auto source = create("source");
  std::vector<std::byte> bytes = random_bytes(random, 3 * mib + 77);
  std::fill(bytes.begin() + mib, bytes.begin() + 2 * mib, std::byte{0});
  done(source->write(0, Bytes(bytes).first(mib)));
  done(source->write(2 * mib, Bytes(bytes).subspan(2 * mib)));
  auto target = create("target");
  std::vector<std::byte> model = random_bytes(random, 2 * mib);
  done(target->write(0, model));
  const std::pair<ByteRange, uint64_t> copies[] = {{{0, 4096}, 8192},
                                                   {{0, mib}, 64 * kib},
                                                   {{1, 100'000}, 77},
                                                   {{512, 512 * kib}, 1024},
                                                   {{mib - 128 * kib, 640 * kib}, 512 * kib},
                                                   {{mib - 3, mib + 6}, 4 * mib + 5},
                                                   {{3 * mib - 64 * kib, 64 * kib + 77}, 6 * mib},
                                                   {{mib + 4096, 512 * kib}, 7 * mib},
                                                   {{5, 0}, 3}};
  for (const auto& [from, to] : copies) {
    ASSERT_EQ(fault_of(target->copy_from(*source, from, to)), "none") << from.offset << "+" << from.length;
    if (!from.empty()) model.resize(std::max<size_t>(model.size(), to + from.length));
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(from.offset), from.length,
                model.begin() + static_cast<ptrdiff_t>(to));
    ASSERT_TRUE(read_all(*target) == model) << from.offset << "+" << from.length << " to " << to;
  }
  done(source->write(100, std::vector<std::byte>(mib, std::byte{1})));
  EXPECT_TRUE(read_all(*target) == model) << "a later change of the source reached the copy";
}

TEST_P(FileConformance, CopyingPastTheEndOfTheSourceIsTooShort) {
  // Short and long, from the last bytes and from behind them; and a target opened for reading refuses.
  auto source = create("source");
  done(source->write(0, std::vector<std::byte>(200'000, std::byte{7})));
  auto target = create("target");
  for (ByteRange from : {ByteRange{199'999, 2}, {100'000, 200'000}, {0, mib}, {300'000, 100'000}}) {
    EXPECT_EQ(fault_of(target->copy_from(*source, from, 0)), "file-too-short") << from.offset;
  }
  target.reset();
  EXPECT_EQ(fault_of(open("target", OpenMode::read_only)->copy_from(*source, {0, 100'000}, 0)),
            "file-read-only");
}

// ---- size and holes ----

TEST_P(FileConformance, BytesCutOffDoNotComeBack) {
  // Filled, cut inside a block, grown again: what was cut reads as zeros.
  auto file = create("cut");
  done(file->write(0, std::vector<std::byte>(200'000, std::byte{0xcd})));
  done(file->resize(70'001));
  EXPECT_EQ(value(file->size_bytes()), 70'001u);
  done(file->resize(150'000));
  std::vector<std::byte> expected(150'000);
  std::fill_n(expected.begin(), 70'001, std::byte{0xcd});
  EXPECT_TRUE(read_all(*file) == expected);
}

TEST_P(FileConformance, APunchedHoleReadsAsZerosAndSparesItsNeighbours) {
  // Holes on and off block borders, one past the end; the size stays.
  auto file = create("hole");
  std::vector<std::byte> model(300'000, std::byte{0x5a});
  done(file->write(0, model));
  for (ByteRange hole : {ByteRange{4096, 4096},
                         {10'001, 1},
                         {20'000, 9'999},
                         {65'536, 131'072},
                         {299'000, 5'000},
                         {400'000, 1000},
                         {299'999, UINT64_MAX - 299'999}}) {
    done(file->punch_hole(hole));
    for (uint64_t at = hole.offset; at < std::min<uint64_t>(hole.end(), model.size()); ++at)
      model[at] = std::byte{0};
    ASSERT_TRUE(read_all(*file) == model) << hole.offset << "+" << hole.length;
  }
}

TEST_P(FileConformance, PunchingDoesNotTakeSpace) {
  // Where the file system gives space back, less is taken; nowhere more.
  auto file = create("space");
  done(file->write(0, std::vector<std::byte>(mib, std::byte{1})));
  done(file->flush());
  uint64_t before = value(file->allocated_bytes());
  EXPECT_GE(before, mib);
  done(file->punch_hole({0, mib}));
  done(file->flush());
  EXPECT_LE(value(file->allocated_bytes()), before);
}

TEST_P(FileConformance, NoDataHidesOutsideTheRunsOfNextData) {
  // Marks far apart in a large sparse file; walking the runs must meet every mark, in order, and come to an
  // end.
  auto file = create("sparse");
  done(file->resize(256 * mib + 5));
  std::vector<uint64_t> marks = {0, 3 * mib + 17, 100 * mib, 256 * mib + 4};
  for (uint64_t mark : marks)
    done(file->write(mark, std::vector<std::byte>(1, std::byte{0x77})));

  std::vector<ByteRange> runs;
  for (uint64_t at = 0;;) {
    std::optional<ByteRange> run = value(file->next_data(at));
    if (!run) break;
    ASSERT_GE(run->offset, at);
    ASSERT_GT(run->length, 0u);
    ASSERT_LE(run->end(), 256 * mib + 5);
    runs.push_back(*run);
    at = run->end();
  }
  for (uint64_t mark : marks) {
    EXPECT_TRUE(std::ranges::any_of(runs, [&](ByteRange run) {
      return run.offset <= mark && mark < run.end();
    })) << mark;
  }
  EXPECT_EQ(value(file->next_data(256 * mib + 5)), std::nullopt);
  EXPECT_EQ(value(file->next_data(512 * mib)), std::nullopt);
  EXPECT_LE(value(file->next_data(3 * mib + 18)).value_or(ByteRange{}).offset, 100 * mib);
}

// ---- opening ----

TEST_P(FileConformance, KeepsItsBytesWhenClosed) {
  // Written, flushed, closed, opened again.
  SeededRandom random(test_seed());
  std::vector<std::byte> bytes = random_bytes(random, 10'001);
  {
    auto file = create("kept");
    done(file->write(0, bytes));
    done(file->flush());
  }
  EXPECT_TRUE(read_all(*open("kept")) == bytes);
}

TEST_P(FileConformance, AFileOpenedForReadingRefusesChanges) {
  // Every change is refused by name, even an empty one, and nothing happens to the file.
  done(create("read-only")->write(0, std::vector<std::byte>(5000, std::byte{1})));
  auto file = open("read-only", OpenMode::read_only);
  for (size_t length : {0u, 1u, 4096u}) {
    EXPECT_EQ(fault_of(file->write(0, std::vector<std::byte>(length))), "file-read-only");
  }
  EXPECT_EQ(fault_of(file->resize(1)), "file-read-only");
  EXPECT_EQ(fault_of(file->punch_hole({0, 4096})), "file-read-only");
  done(file->flush());
  EXPECT_TRUE(read_all(*file) == std::vector<std::byte>(5000, std::byte{1}));
}

TEST_P(FileConformance, OneWriterAtATime) {
  // The creator is a writer, a second one is refused, readers see what it writes; closed, the next may write.
  auto writer = create("locked");
  EXPECT_TRUE(files().is_being_written(path("locked")).value());
  EXPECT_EQ(fault_of(files().open(path("locked"), OpenMode::read_write, world_->cache())), "file-in-use");
  auto reader = open("locked", OpenMode::read_only);
  done(writer->write(0, std::vector<std::byte>(4096, std::byte{9})));
  EXPECT_TRUE(read_all(*reader) == std::vector<std::byte>(4096, std::byte{9}));

  writer.reset();
  EXPECT_FALSE(files().is_being_written(path("locked")).value()) << "a reader is no writer";
  EXPECT_EQ(fault_of(files().is_being_written(path("no-such-file"))), "file-not-found");
  auto next = open("locked", OpenMode::read_write);
  EXPECT_EQ(fault_of(files().open(path("locked"), OpenMode::read_write, world_->cache())), "file-in-use");
  done(next->write(0, std::vector<std::byte>(4096, std::byte{8})));
  EXPECT_TRUE(read_all(*reader) == std::vector<std::byte>(4096, std::byte{8}));
}

TEST_P(FileConformance, CreateNeverReplacesAFile) {
  // A second creation fails and leaves the first file's bytes.
  done(create("once")->write(0, std::vector<std::byte>(10, std::byte{3})));
  EXPECT_EQ(fault_of(files().create(path("once"), world_->cache())), "file-exists");
  EXPECT_TRUE(read_all(*open("once")) == std::vector<std::byte>(10, std::byte{3}));
}

TEST_P(FileConformance, AMissingFileIsNotFound) {
  // Every call that names one.
  EXPECT_FALSE(files().exists(path("missing")));
  EXPECT_EQ(fault_of(files().open(path("missing"), OpenMode::read_only, world_->cache())), "file-not-found");
  EXPECT_EQ(fault_of(files().open(path("missing"), OpenMode::read_write, world_->cache())), "file-not-found");
  EXPECT_EQ(fault_of(files().identity(path("missing"))), "file-not-found");
  EXPECT_EQ(fault_of(files().remove(path("missing"))), "file-not-found");
  EXPECT_EQ(fault_of(files().rename(path("missing"), path("other"))), "file-not-found");
  EXPECT_FALSE(files().exists(path("missing")));
}

// ---- names ----

TEST_P(FileConformance, IdentityTellsFilesApartAndPathsTogether) {
  // Two files, and a second way to write the first one's path.
  create("a");
  create("b");
  EXPECT_NE(value(files().identity(path("a"))), value(files().identity(path("b"))));
  EXPECT_EQ(value(files().identity(path("a"))), value(files().identity(path("./a"))));
}

TEST_P(FileConformance, RenameReplacesItsTarget) {
  // The target's name then leads to the moved file, whose identity it keeps.
  done(create("from")->write(0, std::vector<std::byte>(1, std::byte{1})));
  done(create("to")->write(0, std::vector<std::byte>(2, std::byte{2})));
  FileIdentity moved = value(files().identity(path("from")));
  done(files().rename(path("from"), path("to")));
  done(files().sync_folder(world_->folder()));
  EXPECT_FALSE(files().exists(path("from")));
  EXPECT_EQ(value(files().identity(path("to"))), moved);
  EXPECT_TRUE(read_all(*open("to")) == std::vector<std::byte>(1, std::byte{1}));
}

TEST_P(FileConformance, AnOpenFileOutlivesItsName) {
  // Removed while open: still readable and writable; the name is free for another file.
  auto file = create("gone");
  done(file->write(0, std::vector<std::byte>(10, std::byte{4})));
  done(files().remove(path("gone")));
  EXPECT_FALSE(files().exists(path("gone")));
  auto other = create("gone");
  done(file->write(10, std::vector<std::byte>(10, std::byte{4})));
  EXPECT_TRUE(read_all(*file) == std::vector<std::byte>(20, std::byte{4}));
  EXPECT_EQ(value(other->size_bytes()), 0u);
}

TEST_P(FileConformance, ListsNamesInOrder) {
  // Created out of order.
  for (const char* name : {"c", "a", "b.vhdx"})
    create(name);
  EXPECT_THAT(value(files().list(world_->folder())), testing::ElementsAre("a", "b.vhdx", "c"));
}

TEST_P(FileConformance, TellsFilesFromFolders) {
  // A file, the folder it lies in, and nothing.
  create("disk");
  EXPECT_EQ(value(files().status(path("disk"))).kind, EntryKind::file);
  EXPECT_EQ(value(files().status(world_->folder())).kind, EntryKind::folder);
  EXPECT_EQ(fault_of(files().status(path("none"))), "file-not-found");
}

// ---- many operations ----

TEST_P(FileConformance, ARandomHistoryEqualsAByteArray) {
  // Writes, reads, holes, sizes and reopenings drawn from the seed, against a plain vector.
  SeededRandom random(test_seed());
  auto below = [&](uint64_t bound) { return random.next_u64() % bound; };
  constexpr uint64_t span = 300'000;
  auto file = create("history");
  std::vector<std::byte> model;
  for (int step = 0; step < 400; ++step) {
    // Half of the requests lie on sectors, as a disk's would.
    uint64_t unit = below(2) == 0 ? 512 : 1;
    uint64_t offset = round_down(below(span), unit);
    uint64_t length = round_down(below(below(4) == 0 ? 100'000 : 9000), unit);
    switch (below(10)) {
      case 0: {
        done(file->punch_hole({offset, length}));
        for (uint64_t at = offset; at < std::min<uint64_t>(offset + length, model.size()); ++at)
          model[at] = std::byte{0};
        break;
      }
      case 1: {
        done(file->resize(offset));
        model.resize(offset);
        break;
      }
      case 2: {
        done(file->flush());
        file.reset();
        file = open("history", OpenMode::read_write);
        break;
      }
      case 3:
      case 4:
      case 5: {
        if (offset + length > model.size()) {
          if (length > 0) {
            std::vector<std::byte> into(length);
            ASSERT_EQ(fault_of(file->read(offset, into)), "file-too-short") << "step " << step;
          }
        } else {
          ASSERT_TRUE(same_bytes(read(*file, offset, length), Bytes(model).subspan(offset, length)))
              << "step " << step << ": " << offset << "+" << length;
        }
        break;
      }
      default: {
        std::vector<std::byte> bytes = random_bytes(random, length);
        done(file->write(offset, bytes));
        if (length > 0) model.resize(std::max<size_t>(model.size(), offset + length));
        std::ranges::copy(bytes, model.begin() + static_cast<ptrdiff_t>(length > 0 ? offset : 0));
      }
    }
    ASSERT_EQ(value(file->size_bytes()), model.size()) << "step " << step;
  }
  EXPECT_TRUE(read_all(*file) == model);
}

TEST_P(FileConformance, ThreadsDoNotDisturbEachOthersRanges) {
  // Four threads write neighbouring strips, some sharing a block, some whole blocks, growing the file at
  // once; each reads its own back at once, and at the end every byte is its writer's.
  constexpr size_t threads = 4;
  constexpr size_t rounds = 60;
  for (size_t strip_bytes : {100u, 1000u, 4096u, 5000u}) {
    auto file = create("threads-" + std::to_string(strip_bytes));
    auto strip = [&](size_t thread, size_t round) {
      return std::vector<std::byte>(strip_bytes, static_cast<std::byte>(1 + thread + round * threads));
    };
    std::atomic<int> failures{0};
    {
      std::vector<std::jthread> workers;
      for (size_t thread = 0; thread < threads; ++thread) {
        workers.emplace_back([&, thread] {
          for (size_t round = 0; round < rounds; ++round) {
            uint64_t offset = (round * threads + thread) * strip_bytes;
            std::vector<std::byte> back(strip_bytes);
            bool right = file->write(offset, strip(thread, round)) && file->read(offset, back) &&
                         back == strip(thread, round);
            if (!right) ++failures;
          }
        });
      }
    }
    EXPECT_EQ(failures, 0) << strip_bytes;
    ASSERT_EQ(value(file->size_bytes()), threads * rounds * strip_bytes);
    for (size_t round = 0; round < rounds; ++round) {
      for (size_t thread = 0; thread < threads; ++thread) {
        ASSERT_TRUE(read(*file, (round * threads + thread) * strip_bytes, strip_bytes) ==
                    strip(thread, round))
            << strip_bytes << " bytes, thread " << thread << ", round " << round;
      }
    }
  }
}

}  // namespace vhdlab::tests
