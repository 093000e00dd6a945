// Recorded traces. The first byte sets the disk and what happens at its end, the rest is the file, plain or
// compressed. Every operation read lies inside the disk in whole sectors, times never fall, and the summary
// adds up.
#include "scenarios/workload/trace.h"

#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "engine/io/file_descriptor.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/fuzz_target.h"

namespace vhdlab::fuzz {
namespace {

using namespace scenarios;

void check_stream(const TraceStream& stream, const TraceSettings& settings) {
  promise(stream.length() > 0 && stream.length() <= settings.operations_max,
          "as many operations as asked for");
  TraceSummary counted;
  uint64_t longest = 0;
  Nanoseconds last{0};
  for (uint64_t i = 0; i < stream.length(); ++i) {
    const Operation operation = stream.at(i);
    promise(stream.issued_at(i) >= last, "times never fall");
    last = stream.issued_at(i);
    if (operation.kind == OperationKind::flush) {
      ++counted.flushes;
      continue;
    }
    promise(operation.length_bytes > 0 && operation.offset_bytes % settings.sector_size_bytes == 0 &&
                operation.length_bytes % settings.sector_size_bytes == 0,
            "operations are whole sectors");
    promise(operation.length_bytes <= settings.disk_size_bytes &&
                operation.offset_bytes <= settings.disk_size_bytes - operation.length_bytes,
            "operations lie inside the disk");
    longest = std::max(longest, operation.length_bytes);
    if (operation.kind == OperationKind::read) {
      ++counted.reads;
      counted.read_bytes += operation.length_bytes;
    } else if (operation.kind == OperationKind::write) {
      ++counted.writes;
      counted.written_bytes += operation.length_bytes;
    } else {
      ++counted.trims;
    }
  }
  const TraceSummary& summary = stream.summary();
  promise(longest == stream.longest_operation_bytes(), "the longest operation is known");
  promise(summary.format != TraceFormat::detect, "the shape is known once read");
  promise(summary.reads == counted.reads && summary.writes == counted.writes &&
              summary.trims == counted.trims && summary.flushes == counted.flushes,
          "the summary counts the operations");
  promise(summary.read_bytes == counted.read_bytes && summary.written_bytes == counted.written_bytes,
          "the summary counts the bytes");
  promise(summary.recorded_time >= Nanoseconds{0}, "a recording takes no negative time");
}

}  // namespace

void trace(Bytes bytes) {
  FuzzInput input(bytes);
  const uint8_t flags = input.u8();
  const Bytes text = input.rest();
  const FileDescriptor file(::memfd_create("trace", MFD_CLOEXEC));
  promise(
      file.is_open() && ::write(file.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size()),
      "a file in memory for the trace");
  const TraceSettings settings{.disk_size_bytes = (flags & 1) != 0 ? 64 * gib : 3 * mib,
                               .sector_size_bytes = (flags & 2) != 0 ? 4096U : 512U,
                               .wrap = (flags & 4) != 0,
                               .operations_max = (flags & 8) != 0 ? 3 : endless};
  const auto stream = read_trace("/proc/self/fd/" + std::to_string(file.number()), settings);
  if (!stream) {
    promise(!stream.error().fault.empty() && !stream.error().message.empty(), "a failure says what it is");
    return;
  }
  check_stream(**stream, settings);
}

}  // namespace vhdlab::fuzz
