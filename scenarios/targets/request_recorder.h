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
    const ExtentMap<Label>* copied_from = nullptr;  // a merge: labels come from here, from file_offset on
    uint64_t file_offset = 0;
    bool shared = false;  // a merge: the file system lets the files share these bytes; nobody moves them
  };

  std::vector<LayerFile*> files;  // by number
  Source source;
  uint64_t extents_shared = 0;
  std::vector<sim::FileRequest>* collected = nullptr;
  std::function<Result<void>(const sim::FileRequest&)> also = {};

  Result<void> take(const sim::FileRequest& request, Bytes bytes) override;
  void forget(uint32_t file, ByteRange range) override { files[file]->labels.erase(range); }

 private:
  [[nodiscard]] bool is_source(Bytes bytes) const;
  void label(LayerFile& file, const sim::FileRequest& request, Bytes bytes) const;
};

}  // namespace vhdlab::scenarios
