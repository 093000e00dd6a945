// Raw images; see raw_layer.h.
#include "engine/layer/raw_layer.h"

#include <algorithm>
#include <utility>

namespace vhdlab {

Result<std::unique_ptr<RawLayer>> RawLayer::open(std::string path, std::unique_ptr<File> file) {
  const uint64_t size = TRY(file->size_bytes());
  return std::unique_ptr<RawLayer>(new RawLayer(std::move(path), std::move(file), size));
}

RawLayer::RawLayer(std::string path, std::unique_ptr<File> file, uint64_t file_size_bytes)
    : path_(std::move(path)), file_(std::move(file)), file_size_bytes_(file_size_bytes) {}

Result<void> RawLayer::resolve(ByteRange range, std::vector<Extent>& extents, TableUse&) {
  const size_t first = extents.size();
  for (uint64_t offset = range.offset; offset < range.end();) {
    const auto data = TRY(file_->next_data(offset));  // nothing past the end, which a write may have moved
    const uint64_t data_begin = data ? std::min(data->offset, range.end()) : range.end();
    append_joined(extents, first, {ExtentKind::zero, offset, data_begin - offset, 0});
    const uint64_t data_end = data ? std::min(data->end(), range.end()) : range.end();
    append_joined(extents, first, {ExtentKind::data, data_begin, data_end - data_begin, data_begin});
    offset = data_end;
  }
  return {};
}

Result<void> RawLayer::plan_write(ByteRange range, WritePlan& plan) {
  plan.clear();
  plan.data.push_back({range.offset, range.offset, range.length});
  plan.changes.emplace_back();  // where there was a hole there is data afterwards
  return {};
}

Result<void> RawLayer::plan_zero(ByteRange range, WritePlan& plan) {
  plan.clear();
  plan.zero_fill.push_back(range);
  return {};
}

Result<void> RawLayer::publish(const WritePlan&) {
  return {};
}

}  // namespace vhdlab
