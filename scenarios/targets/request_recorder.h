// Files that hold no bytes: what is known of each, and one who takes note of every request they are sent.
// Where a guest's byte came from is kept as a label (whose byte, which generation), so that whatever moves
// bytes about can be checked without any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/layer/extent_layer.h"
#include "reports/results/run_record.h"
#include "sim/device/simulated_file.h"

namespace vhdlab::scenarios {

// Whose byte stands here: of this place of the disk, as this step wrote it.
struct Label {
  uint64_t virtual_offset = 0;
  uint32_t generation = 0;
  [[nodiscard]] Label advanced(uint64_t bytes) const { return {virtual_offset + bytes, generation}; }
  friend bool operator==(const Label&, const Label&) = default;
};

struct LayerFile {
  std::string name;
  uint32_t number = 0;
  std::unique_ptr<ExtentTables> tables;  // none of a file without guest data
  ExtentMap<Label> labels{};
  reports::FileTraffic traffic{};
};

// Takes the requests of all files: counts them, labels what is written, and hands them to whoever collects.
class RequestRecorder final : public sim::RequestSink {
 public:
  // Bytes of a write that lie in `buffer` are the disk's from `virtual_offset` on.
  struct Source {
    Bytes buffer;
    uint64_t virtual_offset = 0;
    uint32_t generation = 0;
  };

  std::vector<LayerFile*> files;  // by number
  Source source;
  bool shares_extents = false;  // copies from file to file; where the file system can
  uint64_t extents_shared = 0;
  std::vector<sim::FileRequest>* collected = nullptr;
  std::function<Result<void>(const sim::FileRequest&)> also = {};

  // Guests' bytes that are read into this buffer, and written from there, keep their labels.
  void gather_in(Bytes buffer);

  Result<void> take(const sim::FileRequest& request, Bytes bytes) override;
  Result<CopyWay> copy(uint32_t from_file, ByteRange from, uint32_t to_file, uint64_t to_offset) override;
  void forget(uint32_t file, ByteRange range) override { files[file]->labels.erase(range); }

 private:
  // Where a byte in memory was read.
  struct Origin {
    uint32_t file = 0;
    uint64_t offset = 0;
    [[nodiscard]] Origin advanced(uint64_t bytes) const { return {file, offset + bytes}; }
    friend bool operator==(const Origin&, const Origin&) = default;
  };

  void follow(const sim::FileRequest& request, Bytes bytes);
  Result<void> note(const sim::FileRequest& request);
  void copy_labels(const LayerFile& from_file, ByteRange from, LayerFile& to_file, uint64_t to_offset);

  Bytes gather_buffer_;
  ExtentMap<Origin> gathered_;  // by place in that buffer
};

}  // namespace vhdlab::scenarios
