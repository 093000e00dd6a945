// Traces: both shapes, plain and compressed, what is refused and how it is said.
#include "scenarios/workload/trace.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/support/shared_folder.h"

namespace vhdlab::scenarios {
namespace {

class TraceFile : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) / (std::string("vhdlab_trace_") + test->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& text) {
    const auto path = folder_ / "trace";
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

  std::string compressed_file(const std::string& text) {
    const auto path = (folder_ / "trace.gz").string();
    gzFile out = gzopen(path.c_str(), "wb");
    gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
    gzclose(out);
    return path;
  }

  Result<std::unique_ptr<TraceStream>> read(const std::string& text, TraceSettings settings = disk_of(gib)) {
    return read_trace(file(text), settings);
  }

  static TraceSettings disk_of(uint64_t size_bytes) {
    TraceSettings settings;
    settings.disk_size_bytes = size_bytes;
    return settings;
  }

  // "fault | message without the folder"
  std::string fault_of(const std::string& text, TraceSettings settings = disk_of(gib)) {
    const auto trace = read(text, settings);
    if (trace) return "none";
    std::string message = trace.error().message;
    if (const size_t at = message.find(folder_.string()); at != std::string::npos)
      message.erase(at, folder_.string().size() + 1);
    return trace.error().fault + " | " + message;
  }

  std::filesystem::path folder_;
};

using enum OperationKind;

TEST_F(TraceFile, CsvIsReadByItsHeader) {
  // Goal: columns by name, both spellings of operations, sectors of 512. Method: columns in another order,
  // CRLF, a blank.
  const auto trace = read(
      "op,lbn,extra,size,time\r\n28,8,x,4096,10\n2A,16,x,512,10.5\r\n\nR,0,x,512,11\nw,1,x,512,12\n35,0,x,0,"
      "12\n");
  ASSERT_TRUE(trace.has_value()) << trace.error().text();
  const TraceStream& stream = **trace;
  ASSERT_EQ(stream.length(), 5U);
  EXPECT_EQ(stream.at(0), (Operation{OperationKind::read, 4096, 4096}));
  EXPECT_EQ(stream.at(1), (Operation{write, 8192, 512}));
  EXPECT_EQ(stream.at(2), (Operation{OperationKind::read, 0, 512}));
  EXPECT_EQ(stream.at(3), (Operation{write, 512, 512}));
  EXPECT_EQ(stream.at(4), (Operation{flush, 0, 0}));
  EXPECT_EQ(stream.issued_at(1), std::chrono::milliseconds(500));
  EXPECT_EQ(stream.longest_operation_bytes(), 4096U);
  EXPECT_EQ(stream.summary().reads, 2U);
  EXPECT_EQ(stream.summary().written_bytes, 1024U);
  EXPECT_EQ(stream.summary().end_bytes, 8704U);
  EXPECT_EQ(stream.summary().recorded_time, std::chrono::seconds(2));
  EXPECT_EQ(stream.summary().format, TraceFormat::cloudphysics_csv);
}

TEST_F(TraceFile, CompressedIsReadLikePlain) {
  // Goal: gzip is seen by content. Method: the same line compressed.
  const auto trace = read_trace(compressed_file("time,op,size,lbn\n0,8a,1024,2\n"), disk_of(gib));
  ASSERT_TRUE(trace.has_value()) << trace.error().text();
  EXPECT_EQ((*trace)->at(0), (Operation{write, 1024, 1024}));
}

TEST_F(TraceFile, IologTwoIsReadWithItsWaits) {
  // Goal: every action of the format. Method: one of each; waits add up.
  const auto trace = read(
      "fio version 2 iolog\n/dev/x add\n/dev/x open\n/dev/x read 4096 8192\n/dev/x wait 250 0\n/dev/x write "
      "0 512\n"
      "/dev/x sync 0 0\n/dev/x wait 250 0\n/dev/x trim 1024 1024\n/dev/x datasync 0 0\n/dev/x close\n");
  ASSERT_TRUE(trace.has_value()) << trace.error().text();
  const TraceStream& stream = **trace;
  ASSERT_EQ(stream.length(), 5U);
  EXPECT_EQ(stream.at(0), (Operation{OperationKind::read, 4096, 8192}));
  EXPECT_EQ(stream.at(1), (Operation{write, 0, 512}));
  EXPECT_EQ(stream.at(2).kind, flush);
  EXPECT_EQ(stream.at(3), (Operation{trim, 1024, 1024}));
  EXPECT_EQ(stream.at(4).kind, flush);
  EXPECT_EQ(stream.issued_at(1), std::chrono::microseconds(250));
  EXPECT_EQ(stream.issued_at(3), std::chrono::microseconds(500));
  EXPECT_EQ(stream.summary().format, TraceFormat::fio_iolog);
}

TEST_F(TraceFile, IologThreeHasTimestamps) {
  // Goal: version 3. Method: two lines with milliseconds, counted from the first request.
  const auto trace = read("fio version 3 iolog\n1 f add\n5 f read 0 4096\n17 f write 4096 4096\n");
  ASSERT_TRUE(trace.has_value()) << trace.error().text();
  EXPECT_EQ((*trace)->issued_at(0), Nanoseconds(0));
  EXPECT_EQ((*trace)->issued_at(1), std::chrono::milliseconds(12));
}

TEST_F(TraceFile, AddressesBeyondTheDiskAreRefusedByLineUnlessWrapped) {
  // Goal: the error names line and address; wrap brings requests inside, aligned. Method: requests over and
  // at the end.
  const std::string text = "time,op,size,lbn\n0,28,4096,0\n0,28,4096,2047\n0,2a,4096,2057\n";
  EXPECT_EQ(
      fault_of(text, disk_of(mib)),
      "trace-beyond-disk | trace:3: the request at 0xffe00 of 4 KiB ends at 1 MiB, beyond the disk's 1 MiB");
  TraceSettings wrapping = disk_of(mib);
  wrapping.wrap = true;
  const auto trace = read(text, wrapping);
  ASSERT_TRUE(trace.has_value()) << trace.error().text();
  EXPECT_EQ((*trace)->at(1).range(), (ByteRange{mib - 4096, 4096}));
  EXPECT_EQ((*trace)->at(2).range(), (ByteRange{9 * 512, 4096}));
  EXPECT_EQ((*trace)->summary().wrapped, 2U);
}

TEST_F(TraceFile, PartsOfSectorsAreWidened) {
  // Goal: a 512-byte trace runs on a 4096-byte disk. Method: one unaligned request; the address counts in the
  // summary.
  TraceSettings settings = disk_of(gib);
  settings.sector_size_bytes = 4096;
  const auto trace = read("time,op,size,lbn\n0,28,512,9\n0,28,4096,8\n", settings);
  ASSERT_TRUE(trace.has_value()) << trace.error().text();
  EXPECT_EQ((*trace)->at(0).range(), (ByteRange{4096, 4096}));
  EXPECT_EQ((*trace)->summary().widened, 1U);
}

TEST_F(TraceFile, FaultsNameFileAndLine) {
  // Goal: every way a trace is malformed says where and what. Method: one file each.
  EXPECT_EQ(fault_of(""), "trace-empty | trace: the trace is empty");
  EXPECT_EQ(fault_of("time,op,size,lbn\n"), "trace-empty | trace: no requests in 1 lines");
  EXPECT_EQ(fault_of("time,op,size\n0,28,512\n"),
            "trace-format | trace:1: the header has no column 'lbn': 'time,op,size'");
  EXPECT_EQ(fault_of("time,op,size,lbn\n0,28,512\n"),
            "trace-line | trace:2: fewer columns than the header names: '0,28,512'");
  EXPECT_TRUE(fault_of("time,op,size,lbn\n0,zz,512,1\n")
                  .starts_with("trace-line | trace:2: op 'zz' is no known operation"));
  EXPECT_EQ(fault_of("time,op,size,lbn\n0,28,-1,1\n"),
            "trace-line | trace:2: size '-1' is not a number of bytes");
  EXPECT_EQ(fault_of("time,op,size,lbn\nx,28,512,1\n"),
            "trace-line | trace:2: time 'x' is not a number of seconds below 1e9");
  EXPECT_EQ(fault_of("time,op,size,lbn\n0,28,512,18446744073709551615\n"),
            "trace-line | trace:2: lbn '18446744073709551615' is not a sector of a disk");
  EXPECT_EQ(fault_of("time,op,size,lbn\n0,28,99999999999,1\n"),
            "trace-line | trace:2: a request of 93.1 GiB, expected at most 256 MiB");
  EXPECT_EQ(fault_of("fio version 1 iolog\n"),
            "trace-format | trace:1: expected 'fio version 2 iolog' or 'fio version 3 iolog', found 'fio "
            "version 1 iolog'");
  EXPECT_EQ(fault_of("fio version 2 iolog\nf add\nf read 4096\n"),
            "trace-line | trace:3: expected 'FILE read OFFSET LENGTH' in bytes: 'f read 4096'");
  EXPECT_TRUE(fault_of("fio version 2 iolog\nf jump 1 2\n")
                  .starts_with("trace-line | trace:2: unknown action 'jump'"));
  EXPECT_EQ(fault_of("fio version 2 iolog\nf read 0 512\ng read 0 512\n"),
            "trace-format | trace:3: requests to a second file, 'g', after 'f'");
  EXPECT_EQ(fault_of(std::string(70000, 'x')),
            "trace-format | trace:1: a line of more than 64 KiB: this is not a trace");
  EXPECT_EQ(read_trace((folder_ / "absent").string(), disk_of(gib)).error().fault, "trace-not-found");
}

TEST_F(TraceFile, ACutGzipFileIsAnError) {
  // Goal: a truncated download never passes as a short trace. Method: cut a compressed file in half.
  std::string text = "time,op,size,lbn\n";
  for (int i = 0; i < 20000; ++i)
    text += std::to_string(i) + ",28,512," + std::to_string(i * 7919 % 100000) + "\n";
  const std::string path = compressed_file(text);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const auto trace = read_trace(path, disk_of(gib));
  ASSERT_FALSE(trace.has_value());
  EXPECT_EQ(trace.error().fault, "trace-unreadable");
}

TEST_F(TraceFile, TheLimitStopsReading) {
  // Goal: `operations` limits. Method: a malformed third line is never reached.
  TraceSettings settings = disk_of(gib);
  settings.operations_max = 2;
  const auto trace = read("time,op,size,lbn\n0,28,512,1\n0,28,512,2\nrubbish\n", settings);
  ASSERT_TRUE(trace.has_value()) << trace.error().text();
  EXPECT_EQ((*trace)->length(), 2U);
}

TEST(RealTrace, HoldsWhatItsManifestSays) {
  // Goal: a real recording is read whole. Method: the counts of the manifest.
  const auto path = tests::shared_path("traces/cloudphysics-w.csv.gz");
  if (!path) GTEST_SKIP() << path.error().text();
  TraceSettings settings;
  settings.disk_size_bytes = 32 * gib;
  const auto trace = read_trace(path->string(), settings);
  ASSERT_TRUE(trace.has_value()) << trace.error().text();
  const TraceSummary& summary = (*trace)->summary();
  EXPECT_EQ((*trace)->length(), 113872U);
  EXPECT_EQ(summary.reads, 46974U);
  EXPECT_EQ(summary.writes, 66898U);
  EXPECT_EQ(summary.widened, 0U);
  EXPECT_NEAR(static_cast<double>(summary.end_bytes) / static_cast<double>(gib), 31.28, 0.01);
  EXPECT_EQ(summary.recorded_time, std::chrono::hours(2));
}

}  // namespace
}  // namespace vhdlab::scenarios
