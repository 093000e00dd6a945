// What a disk holds at one moment, kept small: runs of sectors that one generation wrote. A checkpoint's
// content is remembered this way and compared with what going back to it gives.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "scenarios/workload/content_ledger.h"

namespace vhdlab::scenarios {

class ContentSnapshot {
 public:
  // Nothing may be recorded meanwhile.
  [[nodiscard]] static ContentSnapshot of(const ContentLedger& ledger);

  // A ledger that says the same.
  [[nodiscard]] std::unique_ptr<ContentLedger> ledger() const;

  [[nodiscard]] size_t run_count() const { return runs_.size(); }

 private:
  struct Run {
    ByteRange range;
    uint32_t generation;
  };

  uint64_t disk_size_bytes_ = 0;
  std::vector<Run> runs_;  // ascending, none of generation 0
};

}  // namespace vhdlab::scenarios
