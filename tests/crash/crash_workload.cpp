// The steps of a workload, each told to the oracle before (what may be) and after (what must be).
#include "tests/crash/crash_workload.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/io/psync_queue.h"

namespace vhdlab::tests {

CrashWorkload::CrashWorkload(const DiskShape& shape, const CutLimits& limits, double effort, uint64_t seed)
    : shape_(shape),
      limits_(limits),
      effort_(effort),
      random_(seed),
      cutting_(mix64(seed)),
      oracle_(std::vector<std::byte>(shape.disk_size_bytes)),
      leaf_block_size_bytes_(shape.block_size_bytes) {
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = shape.disk_size_bytes;
  metadata.block_size_bytes = shape.block_size_bytes;
  metadata.logical_sector_size_bytes = shape.sector_size_bytes;
  metadata.leave_blocks_allocated = shape.fixed;
  metadata.virtual_disk_id = Guid::make_random(random_);
  expect(create_disk(files_, path_, metadata, random_));
  files_.set_before_barrier([this] { look_at_every_cut(); });
  open();
}

CrashWorkload::~CrashWorkload() {
  files_.set_before_barrier({});
}

void CrashWorkload::open() {
  ChainOpenOptions options{.mode = OpenMode::read_write, .resolve = shape_.resolve};
  if (shape_.three_table_pages) {
    options.metadata_cache_bytes = 3 * table_page_length;
    options.index_memory_bytes = 512;
  }
  auto chain = open_chain(files_, path_, options, random_);
  if (!chain) {
    expect(std::unexpected(chain.error()));
    return;
  }
  chain_.emplace(std::move(*chain));
}

void CrashWorkload::expect(const Result<void>& done) {
  if (!done && !tally_.trouble) tally_.trouble = "a step failed: " + done.error().text();
}

void CrashWorkload::look_at_every_cut() {
  if (!power_may_fail_ || in_trouble()) return;
  ++tally_.moments;
  const uint64_t cuts = explore_cuts(files_, limits_, cutting_, [&](auto disk) {
    if (!next_path_.empty() && disk->exists(next_path_)) {
      // A child that is not finished may be no disk yet; one that opens reads as its parent does.
      const auto found = read_disk(*disk, next_path_, OpenMode::read_only, cutting_);
      if (found) tally_.trouble = oracle_.judge_after_cut(*found);
    }
    if (in_trouble()) return false;
    if (judge_) {
      tally_.trouble = judge_(*disk, path_, oracle_);
    } else {
      check_state(*disk, path_, oracle_, effort_, cutting_, tally_);
    }
    return !in_trouble();
  });
  tally_.cuts += cuts;
  uint64_t states = 1;
  for (uint32_t answers : files_.open_questions())
    states = std::min(states * answers, uint64_t{1} << 32);
  if (states == cuts) ++tally_.moments_exhausted;
}

void CrashWorkload::write(uint64_t offset, uint64_t length) {
  if (in_trouble()) return;
  story_ += fmt::format(" write {:#x}+{:#x}", offset, length);
  const auto bytes = random_bytes(length, random_);
  oracle_.write(offset, bytes);
  expect(shape_.queued ? through_a_queue([&](ChainQueue& queue) { queue.submit_write(offset, bytes, 0); })
                       : chain_->write(offset, bytes, plan_));
}

// One operation by its own queue, waited for. On a disk whose power can be cut, files have no descriptor, so
// every kind of queue comes down to their own calls.
Result<void> CrashWorkload::through_a_queue(const std::function<void(ChainQueue&)>& submit) {
  ChainQueue queue(*chain_, std::make_unique<PsyncQueue>(), 1);
  submit(queue);
  ChainCompletion done;
  TRY(queue.wait({&done, 1}));
  return done.result;
}

void CrashWorkload::zero(uint64_t offset, uint64_t length) {
  if (in_trouble()) return;
  story_ += fmt::format(" zero {:#x}+{:#x}", offset, length);
  oracle_.zero({offset, length});
  expect(chain_->zero({offset, length}, plan_));
}

void CrashWorkload::trim(uint64_t offset, uint64_t length) {
  if (in_trouble()) return;
  story_ += fmt::format(" trim {:#x}+{:#x}", offset, length);
  const bool keeps_everything = shape_.fixed && files_made_ == 1;
  if (!keeps_everything) oracle_.trim({offset, length}, leaf_block_size_bytes_);
  expect(chain_->trim({offset, length}, plan_));
}

void CrashWorkload::flush() {
  if (in_trouble()) return;
  story_ += " flush";
  expect(shape_.queued ? through_a_queue([](ChainQueue& queue) { queue.submit_flush(0); }) : chain_->flush());
  oracle_.flushed();
}

void CrashWorkload::checkpoint(uint32_t block_size_bytes) {
  if (in_trouble()) return;
  story_ += fmt::format(" checkpoint {:#x}", block_size_bytes);
  next_path_ = fmt::format("/disks/{}.avhdx", files_made_++);
  expect(take_checkpoint(files_, *chain_, next_path_, {.block_size_bytes = block_size_bytes},
                         CacheMode::buffered, random_));
  path_ = std::exchange(next_path_, {});
  leaf_block_size_bytes_ = block_size_bytes;
  oracle_.flushed();
}

void CrashWorkload::close_and_reopen() {
  if (in_trouble()) return;
  story_ += " close";
  expect(chain_->close());
  oracle_.flushed();
  chain_.reset();
  open();
}

void CrashWorkload::finish() {
  look_at_every_cut();
}

void CrashWorkload::random_step() {
  const uint64_t sector = shape_.sector_size_bytes;
  const uint64_t sectors = disk_size_bytes() / sector;
  auto range_of_sectors = [&](uint64_t most) {
    const uint64_t count = 1 + pick(random_, std::min(most, sectors));
    return ByteRange{pick(random_, sectors - count + 1) * sector, count * sector};
  };
  const uint64_t what = pick(random_, 100);
  if (what < 50) {
    const ByteRange range = range_of_sectors(happens(random_, 0.1) ? 2 * mib / sector : 16);
    write(range.offset, range.length);
  } else if (what < 58) {
    const ByteRange range = range_of_sectors(happens(random_, 0.5) ? 3 * mib / sector : 64);
    zero(range.offset, range.length);
  } else if (what < 64) {
    const uint64_t blocks = divide_up(disk_size_bytes(), mib);
    const uint64_t offset = pick(random_, blocks) * mib;
    const uint64_t length = std::min(mib, disk_size_bytes() - offset);
    happens(random_, 0.5) ? zero(offset, length) : trim(offset, length);
  } else if (what < 90) {
    flush();
  } else if (what < 95) {
    close_and_reopen();
  } else if (files_made_ < 5) {
    checkpoint(happens(random_, 0.5) ? 1 * mib : 2 * mib);
  }
}

}  // namespace vhdlab::tests
