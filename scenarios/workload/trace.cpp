// Reads recorded requests line by line. Every shape is turned into the same RawRequest (what the line says,
// in bytes), and one place, Collector, judges it against the disk: aligned, inside, wrapped or refused.
#include "scenarios/workload/trace.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

namespace vhdlab::scenarios {
namespace {

// Longer than any request a guest sends; a larger number in a trace is a mistake in the trace.
constexpr uint64_t request_bytes_max = 256 * mib;
constexpr size_t line_bytes_max = 64 * kib;

struct RawRequest {
  OperationKind kind = OperationKind::read;
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  Nanoseconds issued_at{0};
};

// The lines of a plain or gzip-compressed file. gzopen reads both.
class LineReader {
 public:
  static Result<LineReader> open(const std::string& path) {
    // Asked first: opening a pipe would wait for a writer, and a trace is read more than once.
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
      return failure(ErrorKind::invalid_argument, "trace-unreadable",
                     fmt::format("{}: is {}, expected a file of requests", path,
                                 S_ISDIR(status.st_mode) ? "a folder" : "no regular file"),
                     "name a trace with --set trace=FILE or in the scenario's replay step");
    }
    errno = 0;
    gzFile file = gzopen(path.c_str(), "rb");
    if (file == nullptr) {
      const bool absent = errno == ENOENT || errno == ENOTDIR;
      return failure(absent ? ErrorKind::not_found : ErrorKind::io_failed,
                     absent ? "trace-not-found" : "trace-unreadable",
                     fmt::format("{}: cannot open the trace: {}", path, std::strerror(errno)),
                     "name a trace with --set trace=FILE or in the scenario's replay step");
    }
    gzbuffer(file, 256 * kib);
    return LineReader(path, file);
  }

  LineReader(LineReader&& other) noexcept = default;
  LineReader& operator=(LineReader&& other) noexcept = default;

  // The next line without its end, or nothing at the end of the file. Valid until the next call.
  Result<std::optional<std::string_view>> next() {
    if (gzgets(file_.get(), buffer_.data(), static_cast<int>(buffer_.size())) == nullptr) {
      int code = Z_OK;
      const char* reason = gzerror(file_.get(), &code);
      if (code == Z_OK || code == Z_STREAM_END) return std::optional<std::string_view>{};
      return failure(ErrorKind::io_failed, "trace-unreadable",
                     fmt::format("{}: reading stopped after line {}: {}", path_, line_number_,
                                 code == Z_ERRNO ? std::strerror(errno) : reason),
                     "the file may be cut short; copy it again");
    }
    ++line_number_;
    std::string_view line(buffer_.data());
    if (line.size() + 1 == buffer_.size())
      return failure(ErrorKind::damaged, "trace-format",
                     fmt::format("{}:{}: a line of more than {}: this is not a trace", path_, line_number_,
                                 format_size(line_bytes_max)));
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
      line.remove_suffix(1);
    return std::optional(line);
  }

  const std::string& path() const { return path_; }
  uint64_t line_number() const { return line_number_; }

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose_r(file); }
  };

  LineReader(const std::string& path, gzFile file) : path_(path), file_(file), buffer_(line_bytes_max) {}

  std::string path_;
  std::unique_ptr<gzFile_s, Close> file_;
  std::vector<char> buffer_;
  uint64_t line_number_ = 0;
};

std::unexpected<Error> bad_line(const LineReader& lines, std::string message) {
  return failure(ErrorKind::damaged, "trace-line",
                 fmt::format("{}:{}: {}", lines.path(), lines.line_number(), std::move(message)));
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Text from a file, shortened and without control characters, for a message.
std::string quoted(std::string_view text) {
  std::string safe;
  for (char c : text.substr(0, 40))
    safe += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return fmt::format("'{}{}'", safe, text.size() > 40 ? "..." : "");
}

template <typename T>
std::optional<T> number_in(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Judges requests against the disk and keeps them.
class Collector {
 public:
  explicit Collector(const TraceSettings& settings) : settings_(settings) {}

  bool full() const { return requests_.size() >= settings_.operations_max; }

  Result<void> add(const LineReader& lines, RawRequest raw) {
    if (requests_.empty()) start_ = raw.issued_at;
    last_ = std::max(last_, raw.issued_at - start_);

    if (raw.kind == OperationKind::flush) {
      ++summary_.flushes;
      keep(raw);
      return {};
    }
    if (raw.length_bytes == 0) return {};  // a transfer of nothing is legal and does nothing
    if (raw.length_bytes > request_bytes_max)
      return bad_line(lines, fmt::format("a request of {}, expected at most {}",
                                         format_size(raw.length_bytes), format_size(request_bytes_max)));
    if (raw.offset_bytes > UINT64_MAX / 2)
      return bad_line(lines, fmt::format("address {} is beyond any disk", raw.offset_bytes));

    summary_.end_bytes = std::max(summary_.end_bytes, raw.offset_bytes + raw.length_bytes);
    const uint64_t sector = settings_.sector_size_bytes;
    const uint64_t start = round_down(raw.offset_bytes, sector);
    const uint64_t length = round_up(raw.offset_bytes + raw.length_bytes, sector) - start;
    if (start != raw.offset_bytes || length != raw.length_bytes) ++summary_.widened;
    raw.offset_bytes = start;
    raw.length_bytes = length;
    TRY(bring_inside(lines, raw));

    switch (raw.kind) {
      case OperationKind::read:
        ++summary_.reads;
        summary_.read_bytes += raw.length_bytes;
        break;
      case OperationKind::write:
        ++summary_.writes;
        summary_.written_bytes += raw.length_bytes;
        break;
      default:
        ++summary_.trims;
    }
    keep(raw);
    return {};
  }

  Result<std::unique_ptr<TraceStream>> finish(const LineReader& lines, TraceFormat format) {
    if (requests_.empty())
      return failure(ErrorKind::damaged, "trace-empty",
                     fmt::format("{}: no requests in {} lines", lines.path(), lines.line_number()));
    requests_.shrink_to_fit();
    summary_.format = format;
    summary_.recorded_time = last_;
    return std::make_unique<TraceStream>(std::move(requests_), summary_);
  }

 private:
  // Wrapping takes the address modulo the disk's size, and one that would then end outside moves back to end
  // with the disk.
  Result<void> bring_inside(const LineReader& lines, RawRequest& raw) {
    const uint64_t disk = settings_.disk_size_bytes;
    if (raw.length_bytes <= disk && raw.offset_bytes <= disk - raw.length_bytes) return {};
    if (!settings_.wrap || raw.length_bytes > disk)
      return failure(
          ErrorKind::invalid_argument, "trace-beyond-disk",
          fmt::format("{}:{}: the request at {:#x} of {} ends at {}, beyond the disk's {}", lines.path(),
                      lines.line_number(), raw.offset_bytes, format_size(raw.length_bytes),
                      format_size(raw.offset_bytes + raw.length_bytes), format_size(disk)),
          "make the scenario's disk larger, or set 'wrap: true' to bring such addresses inside");
    raw.offset_bytes = std::min(raw.offset_bytes % disk, disk - raw.length_bytes);
    ++summary_.wrapped;
    return {};
  }

  void keep(const RawRequest& raw) {
    requests_.push_back({.offset_bytes = raw.offset_bytes,
                         .issued_at_ns = last_.count(),
                         .length_bytes = static_cast<uint32_t>(raw.length_bytes),
                         .kind = raw.kind});
  }

  const TraceSettings& settings_;
  std::vector<TraceStream::Request> requests_;
  TraceSummary summary_;
  Nanoseconds start_{0};
  Nanoseconds last_{0};  // since start_; never falls, though clocks in traces do
};

// --- CSV ---

struct CsvColumns {
  std::optional<size_t> time, op, size, lbn;
};

// The field of this number, counted from 0; nothing where the line has fewer.
std::optional<std::string_view> field(std::string_view line, size_t number) {
  for (; number > 0; --number) {
    const size_t comma = line.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    line.remove_prefix(comma + 1);
  }
  return trimmed(line.substr(0, line.find(',')));
}

Result<CsvColumns> csv_columns(const LineReader& lines, std::string_view header) {
  CsvColumns columns;
  const struct {
    std::string_view name;
    std::optional<size_t>& column;
  } wanted[] = {{"time", columns.time}, {"op", columns.op}, {"size", columns.size}, {"lbn", columns.lbn}};

  for (size_t i = 0; const auto name = field(header, i); ++i) {
    for (const auto& [known, column] : wanted) {
      if (*name == known) column = i;
    }
  }
  for (const auto& [known, column] : wanted) {
    if (!column)
      return failure(ErrorKind::damaged, "trace-format",
                     fmt::format("{}:{}: the header has no column '{}': {}", lines.path(),
                                 lines.line_number(), known, quoted(header)),
                     "a CSV trace begins with a line that names the columns time, op, size and lbn");
  }
  return columns;
}

// SCSI block commands (SBC-4) by their opcode, in hexadecimal, or a word.
std::optional<OperationKind> csv_operation(std::string_view text) {
  std::string word;
  for (char c : text)
    word += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (word.starts_with("0x")) word.erase(0, 2);
  for (std::string_view read : {"28", "88", "a8", "08", "r", "read"}) {
    if (word == read) return OperationKind::read;
  }
  for (std::string_view write : {"2a", "8a", "aa", "0a", "w", "write"}) {
    if (word == write) return OperationKind::write;
  }
  for (std::string_view synchronize : {"35", "91"}) {
    if (word == synchronize) return OperationKind::flush;
  }
  return std::nullopt;
}

Result<RawRequest> csv_request(const LineReader& lines, std::string_view line, const CsvColumns& columns) {
  const auto time_text = field(line, *columns.time);
  const auto op_text = field(line, *columns.op);
  const auto size_text = field(line, *columns.size);
  const auto lbn_text = field(line, *columns.lbn);
  if (!time_text || !op_text || !size_text || !lbn_text)
    return bad_line(lines, fmt::format("fewer columns than the header names: {}", quoted(line)));

  const auto seconds = number_in<double>(*time_text);
  if (!seconds || !(*seconds >= 0 && *seconds < 1e9))
    return bad_line(lines, fmt::format("time {} is not a number of seconds below 1e9", quoted(*time_text)));
  const auto kind = csv_operation(*op_text);
  if (!kind)
    return bad_line(lines,
                    fmt::format("op {} is no known operation; known are the SCSI opcodes 28 88 a8 08 (read), "
                                "2a 8a aa 0a (write), 35 91 (flush) and the words R and W",
                                quoted(*op_text)));
  const auto size = number_in<uint64_t>(*size_text);
  if (!size) return bad_line(lines, fmt::format("size {} is not a number of bytes", quoted(*size_text)));
  const auto sector = number_in<uint64_t>(*lbn_text);
  if (!sector || *sector > UINT64_MAX / 1024)
    return bad_line(lines, fmt::format("lbn {} is not a sector of a disk", quoted(*lbn_text)));
  return RawRequest{.kind = *kind,
                    .offset_bytes = *sector * 512,
                    .length_bytes = *size,
                    .issued_at = Nanoseconds(std::llround(*seconds * 1e9))};
}

Result<void> read_csv(LineReader& lines, std::string_view header, Collector& collector) {
  const CsvColumns columns = TRY(csv_columns(lines, header));
  while (!collector.full()) {
    const auto line = TRY(lines.next());
    if (!line) break;
    if (trimmed(*line).empty()) continue;
    const RawRequest request = TRY(csv_request(lines, *line, columns));
    TRY(collector.add(lines, request));
  }
  return {};
}

// --- fio's iolog ---

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (line = trimmed(line); !line.empty(); line = trimmed(line)) {
    const size_t end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

// What an iolog carries from line to line.
struct IologState {
  int version = 2;
  Nanoseconds now{0};  // version 2: the sum of the waits
  std::string file;    // the one file that requests name
};

std::optional<OperationKind> iolog_kind(std::string_view action) {
  if (action == "read") return OperationKind::read;
  if (action == "write") return OperationKind::write;
  if (action == "trim") return OperationKind::trim;
  if (action == "sync" || action == "datasync") return OperationKind::flush;
  return std::nullopt;
}

// A time in the line's own unit, bounded so that sums of times cannot overflow.
std::optional<uint64_t> iolog_time(const std::vector<std::string_view>& words, size_t index) {
  const auto time = index < words.size() ? number_in<uint64_t>(words[index]) : std::nullopt;
  return time && *time <= 1'000'000'000'000 ? time : std::nullopt;
}

// The bytes that `words`, a line's without a timestamp, name for a request.
Result<void> take_iolog_range(const LineReader& lines, std::string_view line,
                              const std::vector<std::string_view>& words, RawRequest& request) {
  const auto offset = words.size() < 4 ? std::nullopt : number_in<uint64_t>(words[2]);
  const auto length = words.size() < 4 ? std::nullopt : number_in<uint64_t>(words[3]);
  if (!offset || !length)
    return bad_line(lines,
                    fmt::format("expected 'FILE {} OFFSET LENGTH' in bytes: {}", words[1], quoted(line)));
  request.offset_bytes = *offset;
  request.length_bytes = *length;
  return {};
}

// One line: a request, or nothing for lines that only add, open, close or wait.
Result<std::optional<RawRequest>> iolog_request(const LineReader& lines, std::string_view line,
                                                IologState& state) {
  auto words = words_of(line);
  if (state.version == 3) {
    const auto milliseconds = iolog_time(words, 0);
    if (!milliseconds)
      return bad_line(lines, fmt::format("expected a timestamp in milliseconds first: {}", quoted(line)));
    state.now = std::chrono::milliseconds(*milliseconds);
    words.erase(words.begin());
  }
  if (words.size() < 2) return bad_line(lines, fmt::format("expected 'FILE ACTION': {}", quoted(line)));

  const std::string_view action = words[1];
  if (action == "add" || action == "open" || action == "close") return std::optional<RawRequest>{};
  if (action == "wait") {
    const auto microseconds = iolog_time(words, 2);
    if (!microseconds)
      return bad_line(lines, fmt::format("expected 'FILE wait MICROSECONDS': {}", quoted(line)));
    state.now += std::chrono::microseconds(*microseconds);
    return std::optional<RawRequest>{};
  }

  const auto kind = iolog_kind(action);
  if (!kind)
    return bad_line(lines,
                    fmt::format("unknown action {}; known are add, open, close, read, write, trim, sync, "
                                "datasync and wait",
                                quoted(action)));
  RawRequest request{.kind = *kind, .issued_at = state.now};
  if (*kind == OperationKind::flush) return std::optional(request);
  TRY(take_iolog_range(lines, line, words, request));

  if (state.file.empty()) state.file = words[0];
  if (state.file != words[0])
    return failure(ErrorKind::unsupported, "trace-format",
                   fmt::format("{}:{}: requests to a second file, {}, after {}", lines.path(),
                               lines.line_number(), quoted(words[0]), quoted(state.file)),
                   "a scenario has one disk: keep one file's lines");
  return std::optional(request);
}

Result<void> read_iolog(LineReader& lines, std::string_view header, Collector& collector) {
  IologState state;
  if (header == "fio version 3 iolog") {
    state.version = 3;
  } else if (header != "fio version 2 iolog") {
    return failure(ErrorKind::unsupported, "trace-format",
                   fmt::format("{}:1: expected 'fio version 2 iolog' or 'fio version 3 iolog', found {}",
                               lines.path(), quoted(header)),
                   "record with fio's write_iolog option");
  }
  while (!collector.full()) {
    const auto line = TRY(lines.next());
    if (!line) break;
    if (trimmed(*line).empty()) continue;
    const auto request = TRY(iolog_request(lines, *line, state));
    if (request) TRY(collector.add(lines, *request));
  }
  return {};
}

}  // namespace

TraceStream::TraceStream(std::vector<Request> requests, TraceSummary summary)
    : requests_(std::move(requests)), summary_(summary) {
  for (const Request& request : requests_)
    longest_operation_bytes_ = std::max<uint64_t>(longest_operation_bytes_, request.length_bytes);
}

Operation TraceStream::at(uint64_t index) const {
  const Request& request = requests_[index];
  return {request.kind, request.offset_bytes, request.length_bytes};
}

Nanoseconds TraceStream::issued_at(uint64_t index) const {
  return Nanoseconds(requests_[index].issued_at_ns);
}

Result<std::unique_ptr<TraceStream>> read_trace(const std::string& path, const TraceSettings& settings) {
  LineReader lines = TRY(LineReader::open(path));
  const auto first = TRY(lines.next());
  if (!first) return failure(ErrorKind::damaged, "trace-empty", fmt::format("{}: the trace is empty", path));
  const std::string header(trimmed(first->starts_with("\xef\xbb\xbf") ? first->substr(3) : *first));

  TraceFormat format = settings.format;
  if (format == TraceFormat::detect)
    format = header.starts_with("fio version") ? TraceFormat::fio_iolog : TraceFormat::cloudphysics_csv;

  Collector collector(settings);
  if (format == TraceFormat::fio_iolog) {
    TRY(read_iolog(lines, header, collector));
  } else {
    TRY(read_csv(lines, header, collector));
  }
  return collector.finish(lines, format);
}

}  // namespace vhdlab::scenarios
