// Recorded requests, replayed. Two shapes are read, plain or gzip-compressed:
//
//   cloudphysics_csv  a header line names the columns (any order, others ignored), then a request a line:
//                       time  seconds, whole or with a fraction
//                       op    SCSI opcode in hex (28 88 a8 read, 2a 8a aa write), or R / W
//                       size  bytes
//                       lbn   512-byte sector
//   fio_iolog         fio's iolog, version 2 ("fio version 2 iolog") or 3 (each line begins with
//                     milliseconds): FILE add|open|close, FILE read|write|trim OFFSET LENGTH,
//                     FILE sync|datasync, FILE wait MICROSECONDS. It may speak of one file only: a scenario
//                     has one disk.
//
// A request that is not whole sectors of the disk is widened to whole sectors, as a guest's cache would do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "scenarios/workload/operation_stream.h"

namespace vhdlab::scenarios {

enum class TraceFormat { detect, cloudphysics_csv, fio_iolog };

struct TraceSettings {
  TraceFormat format = TraceFormat::detect;
  uint64_t disk_size_bytes = 0;      // of the disk it is replayed on
  uint32_t sector_size_bytes = 512;  // its logical sector size
  bool wrap = false;  // an address beyond the disk counts on from the disk's start; else it is an error
  uint64_t operations_max = endless;  // read no further than this many requests
};

// What was read, for the report.
struct TraceSummary {
  TraceFormat format = TraceFormat::detect;  // never `detect` once read
  uint64_t reads = 0, writes = 0, trims = 0, flushes = 0;
  uint64_t read_bytes = 0, written_bytes = 0;
  uint64_t widened = 0;          // requests that were not whole sectors
  uint64_t wrapped = 0;          // requests moved inside the disk
  uint64_t end_bytes = 0;        // the highest address touched as recorded: the disk the trace needs
  Nanoseconds recorded_time{0};  // from the first request to the last
};

// A trace in memory, 24 bytes a request. issued_at() has the recorded times, never falling.
class TraceStream final : public OperationStream {
 public:
  struct Request {
    uint64_t offset_bytes;
    int64_t issued_at_ns;
    uint32_t length_bytes;
    OperationKind kind;
  };

  TraceStream(std::vector<Request> requests, TraceSummary summary);

  [[nodiscard]] Operation at(uint64_t index) const override;
  [[nodiscard]] uint64_t length() const override { return requests_.size(); }
  [[nodiscard]] uint64_t longest_operation_bytes() const override { return longest_operation_bytes_; }
  [[nodiscard]] Nanoseconds issued_at(uint64_t index) const override;

  [[nodiscard]] const TraceSummary& summary() const { return summary_; }

 private:
  std::vector<Request> requests_;
  TraceSummary summary_;
  uint64_t longest_operation_bytes_ = 0;
};
static_assert(sizeof(TraceStream::Request) == 24);

// Reads the file at `path` whole. The message of a fault in the file begins with path:line.
// Faults: trace-not-found, trace-unreadable, trace-format (unknown shape or a missing column), trace-line (a
// malformed line), trace-beyond-disk (an address beyond the disk without wrap), trace-empty.
[[nodiscard]] Result<std::unique_ptr<TraceStream>> read_trace(const std::string& path,
                                                              const TraceSettings& settings);

}  // namespace vhdlab::scenarios
