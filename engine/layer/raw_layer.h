// A raw image as a chain of one layer: byte n of the disk is byte n of the file, holes are zeros. It has no
// tables and no parent; conversions read from it and write to it, and it is what the others are measured
// against.
#pragma once

#include <memory>
#include <string>

#include "engine/layer/layer.h"

namespace vhdlab {

class RawLayer final : public Layer {
 public:
  // The disk is the file's size rounded up to whole sectors. Faults: those of reading the file's size.
  [[nodiscard]] static Result<std::unique_ptr<RawLayer>> open(std::string path, std::unique_ptr<File> file);

  const std::string& path() const override { return path_; }
  File& file() override { return *file_; }
  uint64_t disk_size_bytes() const override { return round_up(file_size_bytes_, sector_size); }
  uint32_t sector_size_bytes() const override { return sector_size; }
  using Layer::resolve;
  Result<void> resolve(ByteRange range, std::vector<Extent>& extents, TableUse& tables) override;
  Result<void> plan_write(ByteRange range, WritePlan& plan) override;
  Result<void> plan_zero(ByteRange range, WritePlan& plan) override;
  Result<void> plan_trim(ByteRange range, WritePlan& plan) override { return plan_zero(range, plan); }
  Result<void> publish(const WritePlan& plan) override;
  uint64_t change_grain_bytes() const override { return sector_size; }
  bool flush_is_due() override { return false; }
  Result<void> flush() override { return file_->flush(); }
  Result<void> close() override { return file_->flush(); }
  uint64_t metadata_pages_loaded() const override { return 0; }

 private:
  static constexpr uint32_t sector_size = 512;

  RawLayer(std::string path, std::unique_ptr<File> file, uint64_t file_size_bytes);

  std::string path_;
  std::unique_ptr<File> file_;
  uint64_t file_size_bytes_;
};

}  // namespace vhdlab
