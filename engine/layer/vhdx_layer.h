// A VHDX file as a layer of a chain.
#pragma once

#include <memory>
#include <string>

#include "engine/format/vhdx/image.h"
#include "engine/layer/layer.h"

namespace vhdlab {

class VhdxLayer final : public Layer {
 public:
  VhdxLayer(std::string path, std::unique_ptr<vhdx::Image> image)
      : path_(std::move(path)), image_(std::move(image)) {}

  [[nodiscard]] vhdx::Image& image() { return *image_; }

  const std::string& path() const override { return path_; }
  File& file() override { return image_->file(); }
  uint64_t disk_size_bytes() const override { return image_->metadata().disk_size_bytes; }
  uint32_t sector_size_bytes() const override { return image_->metadata().logical_sector_size_bytes; }
  using Layer::resolve;
  Result<void> resolve(ByteRange range, std::vector<Extent>& extents, TableUse& tables) override {
    return image_->resolve(range, extents, tables);
  }
  BlockProbe block_probe() const override { return image_->block_probe(); }
  Result<uint64_t> absent_until(uint64_t offset) override { return image_->absent_until(offset); }
  uint64_t change_grain_bytes() const override { return image_->metadata().block_size_bytes; }
  Result<void> plan_write(ByteRange range, WritePlan& plan) override {
    return image_->plan_write(range, plan);
  }
  Result<void> plan_zero(ByteRange range, WritePlan& plan) override { return image_->plan_zero(range, plan); }
  Result<void> plan_trim(ByteRange range, WritePlan& plan) override { return image_->plan_trim(range, plan); }
  Result<void> publish(const WritePlan& plan) override { return image_->publish(plan); }
  bool flush_is_due() override { return image_->flush_is_due(); }
  Result<void> flush() override { return image_->flush(); }
  Result<void> close() override { return image_->close(); }
  uint64_t metadata_pages_loaded() const override { return image_->metadata_pages_loaded(); }

 private:
  std::string path_;
  std::unique_ptr<vhdx::Image> image_;
};

}  // namespace vhdlab
