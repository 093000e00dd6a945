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

}  // namespace

Result<void> RequestRecorder::take(const FileRequest& request, Bytes bytes) {
  LayerFile& file = *files[request.file];
  if (is_source(bytes)) {
    label(file, request, bytes);
    if (source.shared) {
      ++extents_shared;
      return {};
    }
  }
  count(file.traffic, request);
  if (collected != nullptr) collected->push_back(request);
  return also ? also(request) : Result<void>{};
}

// Whether these are the guest's bytes, and no table page, log or header.
bool RequestRecorder::is_source(Bytes bytes) const {
  const std::less_equal<> before;
  return !bytes.empty() && !source.buffer.empty() && before(source.buffer.data(), bytes.data()) &&
         before(bytes.data() + bytes.size(), source.buffer.data() + source.buffer.size());
}

void RequestRecorder::label(LayerFile& file, const FileRequest& request, Bytes bytes) const {
  const auto at = static_cast<uint64_t>(bytes.data() - source.buffer.data());
  if (source.copied_from == nullptr) {
    file.labels.assign({request.offset_bytes, request.length_bytes},
                       {source.virtual_offset + at, source.generation});
    return;
  }
  file.labels.erase({request.offset_bytes, request.length_bytes});
  const uint64_t from = source.file_offset + at;
  const uint64_t end = from + request.length_bytes;
  for (auto run = source.copied_from->next(from, end); run;
       run = source.copied_from->next(run->range.end(), end)) {
    file.labels.assign({request.offset_bytes + (run->range.offset - from), run->range.length}, run->value);
  }
}

}  // namespace vhdlab::scenarios
