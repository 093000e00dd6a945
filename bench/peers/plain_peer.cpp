// One file, read where the bytes lie; see plain_peer.h.
#include "bench/peers/plain_peer.h"

#include <cstring>
#include <filesystem>
#include <vector>

#include "bench/peers/plain_loop.h"
#include "engine/io/posix_file_system.h"

namespace vhdlab::peers {
namespace {

class PlainPeer final : public Peer {
 public:
  explicit PlainPeer(const std::string& folder)
      : path_((std::filesystem::path(folder) / "plain.raw").string()) {}

  std::string_view name() const override { return "plain"; }
  std::vector<std::string> files(uint32_t) const override { return {path_}; }

  Result<void> build(const DiskShape& shape) override {
    shape_ = shape;
    if (files_.exists(path_)) return {};
    const auto file = TRY(files_.create(path_));
    std::vector<std::byte> block(shape.base_block_bytes);
    for (uint64_t offset = 0; offset < shape.disk_bytes; offset += block.size()) {
      std::memset(block.data(), base_content(shape, offset), block.size());
      TRY(file->write(offset, block));
    }
    for (uint32_t layer = 1; layer <= shape.depth_max; ++layer) {
      for (uint32_t number = 0; number < shape.writes_per_layer; ++number) {
        const ShapeWrite write = write_of(shape, layer, number);
        std::memset(block.data(), write.content, shape.write_bytes);
        TRY(file->write(write.offset, Bytes(block).first(shape.write_bytes)));
      }
    }
    return file->flush();
  }

  Result<void> check(uint32_t) override { return {}; }  // one file: there is nothing to find

  Result<double> read(const ReadWork& work) override {
    return read_plain_files(TRY(open_plain_files({path_}, work)), work, shape_.disk_bytes, shape_.seed);
  }

 private:
  std::string path_;
  PosixFileSystem files_;
  DiskShape shape_;
};

}  // namespace

std::unique_ptr<Peer> make_plain_peer(const std::string& folder) {
  return std::make_unique<PlainPeer>(folder);
}

}  // namespace vhdlab::peers
