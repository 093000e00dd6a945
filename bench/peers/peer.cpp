// The disk every peer builds, as pure functions of its shape; see peer.h.
#include "bench/peers/peer.h"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "engine/base/random.h"

namespace vhdlab::peers {
namespace {

uint8_t content_from(uint64_t draw) {
  return static_cast<uint8_t>(1 + draw % 255);
}

}  // namespace

std::string DiskShape::key() const {
  return fmt::format("{}-{}-{}", disk_bytes, depth_max, seed);
}

ShapeWrite write_of(const DiskShape& shape, uint32_t layer, uint32_t number) {
  const uint64_t draw = mix64(shape.seed ^ mix64((uint64_t{layer} << 32) + number));
  return {.offset = draw % (shape.disk_bytes / shape.write_bytes) * shape.write_bytes,
          .content = content_from(draw >> 40)};
}

uint8_t base_content(const DiskShape& shape, uint64_t offset) {
  return content_from(mix64(~shape.seed ^ offset / shape.base_block_bytes));
}

uint8_t expected_content(const DiskShape& shape, uint32_t depth, uint64_t offset) {
  for (uint32_t layer = depth; layer > 0; --layer) {
    for (uint32_t number = shape.writes_per_layer; number > 0; --number) {
      const ShapeWrite write = write_of(shape, layer, number - 1);
      if (offset >= write.offset && offset - write.offset < shape.write_bytes) return write.content;
    }
  }
  return base_content(shape, offset);
}

std::string_view io_name(IoKind io) {
  switch (io) {
    case IoKind::mapped:
      return "mapped";
    case IoKind::psync:
      return "psync";
    case IoKind::io_uring:
      return "io_uring";
  }
  return "";
}

uint64_t scattered_step(uint64_t blocks) {
  constexpr double golden_ratio = 1.6180339887498949;
  uint64_t step = static_cast<uint64_t>(std::llround(static_cast<double>(blocks) / golden_ratio)) | 1;
  while (std::gcd(step, blocks) != 1)
    step += 2;
  return step;
}

}  // namespace vhdlab::peers
