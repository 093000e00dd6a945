// Counting and labelling requests; see request_recorder.h.
#include "scenarios/targets/request_recorder.h"

namespace vhdlab::scenarios {
namespace {

using sim::FileRequest;
using sim::RequestKind;

void count(reports::FileTraffic& traffic, const FileRequest& request) {
  switch (request.kind) {
    case RequestKind::read:
      ++traffic.read_operations;
      traffic.bytes_read += request.length_bytes;
      return;
    case RequestKind::write:
      ++traffic.write_operations;
      traffic.bytes_written += request.length_bytes;
      return;
    case RequestKind::flush:
      ++traffic.flushes;
  }
}

bool lies_in(Bytes bytes, Bytes buffer) {
  const std::less_equal<> before;
  return !bytes.empty() && !buffer.empty() && before(buffer.data(), bytes.data()) &&
         before(bytes.data() + bytes.size(), buffer.data() + buffer.size());
}

}  // namespace

void RequestRecorder::gather_in(Bytes buffer) {
  gather_buffer_ = buffer;
  gathered_ = {};
}

Result<void> RequestRecorder::take(const FileRequest& request, Bytes bytes) {
  follow(request, bytes);
  return note(request);
}

Result<CopyWay> RequestRecorder::copy(uint32_t from_file, ByteRange from, uint32_t to_file,
                                      uint64_t to_offset) {
  constexpr uint64_t file_system_block_bytes = 4 * kib;  // whole ones are shared
  copy_labels(*files[from_file], from, *files[to_file], to_offset);
  if (shares_extents && (from.offset | from.length | to_offset) % file_system_block_bytes == 0) {
    ++extents_shared;
    return CopyWay::shared;
  }
  TRY(note({RequestKind::read, from_file, from.offset, from.length}));
  TRY(note({RequestKind::write, to_file, to_offset, from.length}));
  return CopyWay::in_system;
}

Result<void> RequestRecorder::note(const FileRequest& request) {
  count(files[request.file]->traffic, request);
  if (collected != nullptr) collected->push_back(request);
  return also ? also(request) : Result<void>{};
}

// Only guests' bytes have labels; table pages, the log and headers have none.
void RequestRecorder::follow(const FileRequest& request, Bytes bytes) {
  LayerFile& file = *files[request.file];
  const bool is_write = request.kind == RequestKind::write;
  if (lies_in(bytes, gather_buffer_)) {
    const ByteRange place{static_cast<uint64_t>(bytes.data() - gather_buffer_.data()), bytes.size()};
    if (!is_write) return gathered_.assign(place, {request.file, request.offset_bytes});
    for (auto run = gathered_.next(place.offset, place.end()); run;
         run = gathered_.next(run->range.end(), place.end())) {
      copy_labels(*files[run->value.file], {run->value.offset, run->range.length}, file,
                  request.offset_bytes + (run->range.offset - place.offset));
    }
  } else if (is_write && lies_in(bytes, source.buffer)) {
    const auto at = static_cast<uint64_t>(bytes.data() - source.buffer.data());
    file.labels.assign({request.offset_bytes, request.length_bytes},
                       {source.virtual_offset + at, source.generation});
  }
}

void RequestRecorder::copy_labels(const LayerFile& from_file, ByteRange from, LayerFile& to_file,
                                  uint64_t to_offset) {
  to_file.labels.erase({to_offset, from.length});
  for (auto run = from_file.labels.next(from.offset, from.end()); run;
       run = from_file.labels.next(run->range.end(), from.end())) {
    to_file.labels.assign({to_offset + (run->range.offset - from.offset), run->range.length}, run->value);
  }
}

}  // namespace vhdlab::scenarios
