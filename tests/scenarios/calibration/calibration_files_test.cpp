// What other programs measured, read; what was fitted, written so that --device takes it; and a run of ours
// predicted from three of its depths.
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/io/posix_file_system.h"
#include "reports/results/metrics.h"
#include "scenarios/calibration/profile_text.h"
#include "scenarios/calibration/simulated_rates.h"
#include "scenarios/devices/profile_file.h"
#include "scenarios/language/parse.h"
#include "scenarios/runner/run_scenario.h"
#include "scenarios/targets/sim_target.h"
#include "tests/support/shared_folder.h"

namespace vhdlab::tests {
namespace {

using namespace scenarios;

constexpr std::string_view fio_json = R"({"fio version": "fio-3.33",
  "global options": {"direct": "1", "ioengine": "libaio"},
  "jobs": [
    {"jobname": "deep", "job options": {"iodepth": "32", "bs": "4k"},
     "read": {"total_ios": 1000, "io_bytes": 4096000, "iops": 82000.5}, "write": {"total_ios": 0, "iops": 0}},
    {"jobname": "alone", "job options": {"iodepth": "32", "ioengine": "psync", "numjobs": "4", "group_reporting": ""},
     "read": {"total_ios": 10, "io_bytes": 10485760, "iops": 1200}},
    {"jobname": "idle", "job options": {}, "read": {"total_ios": 0, "io_bytes": 0, "iops": 0}}]})";

TEST(MeasurementFiles, ReadsEachJobOfFio) {
  // Goal: rate, requests in flight, size and cache of each job. Method: options of the job and of all jobs,
  // an engine that has one request in flight whatever its depth, and a job that did nothing.
  const auto found = measurements_of_fio(fio_json, "a.json");
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_EQ(found->points.size(), 2U);
  EXPECT_EQ(found->points[0].label, "deep: queue_depth=32, block_size=4KiB");
  EXPECT_DOUBLE_EQ(found->points[0].sample.operations_per_s, 82000.5);
  EXPECT_DOUBLE_EQ(found->points[0].sample.in_flight, 32);
  EXPECT_TRUE(found->points[0].sample.reaches_device);
  EXPECT_DOUBLE_EQ(found->points[1].sample.in_flight, 4);
  EXPECT_DOUBLE_EQ(found->points[1].sample.bytes, 1048576);
  EXPECT_EQ(found->left_out, std::vector<std::string>{"idle: neither reads nor writes"});
}

TEST(MeasurementFiles, TakesJobsOfFioThatRanAtOnceTogether) {
  // Goal: jobs of one group are one load, with the requests of all in flight. Method: two entries of two
  // jobs; one entry of four, as fio 3.33 writes it with group_reporting (and does not say so); and two jobs
  // after a stonewall with different block sizes.
  const auto found = measurements_of_fio(R"({"fio version": "fio-3.33", "global options": {"direct": "1"},
    "jobs": [
      {"jobname": "n", "groupid": 0, "job options": {"numjobs": "2", "ioengine": "libaio", "iodepth": "8"},
       "read": {"total_ios": 1000, "io_bytes": 4096000, "iops": 900}, "write": {"total_ios": 0, "io_bytes": 0}},
      {"jobname": "n", "groupid": 0, "job options": {"numjobs": "2", "ioengine": "libaio", "iodepth": "8"},
       "read": {"total_ios": 1200, "io_bytes": 4915200, "iops": 1100}},
      {"jobname": "g", "groupid": 2, "job options": {"numjobs": "4"},
       "read": {"total_ios": 1000, "io_bytes": 4096000, "iops": 3000}},
      {"jobname": "small", "groupid": 1, "job options": {},
       "read": {"total_ios": 10, "io_bytes": 40960, "iops": 10}},
      {"jobname": "large", "groupid": 1, "job options": {},
       "read": {"total_ios": 10, "io_bytes": 655360, "iops": 10}}]})",
                                         "a.json");
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_EQ(found->points.size(), 2U);
  EXPECT_EQ(found->points[0].label, "n: queue_depth=16, block_size=4KiB");
  EXPECT_EQ(found->points[1].label, "g: queue_depth=4, block_size=4KiB");
  EXPECT_DOUBLE_EQ(found->points[0].sample.operations_per_s, 2000);
  EXPECT_EQ(found->left_out,
            std::vector<std::string>{"small, large: jobs of several block sizes ran at once"});
}

TEST(MeasurementFiles, FitsNoWritesAndNoLimits) {
  // Goal: what is no closed loop of reads never bends the fit. Method: a mixed job, one kept to a rate and
  // one of reads; the reasons are said, also where nothing else is there.
  const std::string mixed = R"({"jobname": "mixed", "groupid": 0, "job options": {},
    "read": {"total_ios": 700, "io_bytes": 2867200, "iops": 700},
    "write": {"total_ios": 300, "io_bytes": 1228800, "iops": 300}})";
  const std::string paced = R"({"jobname": "paced", "groupid": 1, "job options": {"rate_iops": "200"},
    "read": {"total_ios": 200, "io_bytes": 819200, "iops": 200}})";
  const std::string reads = R"({"jobname": "reads", "groupid": 2, "job options": {},
    "read": {"total_ios": 200, "io_bytes": 819200, "iops": 200}})";
  const std::string head = R"({"fio version": "fio-3.33", "jobs": [)";
  const auto found = measurements_of_fio(head + mixed + "," + paced + "," + reads + "]}", "a.json");
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->points.size(), 1U);
  EXPECT_EQ(found->left_out,
            (std::vector<std::string>{"mixed: 30 % of its operations are writes, and only reads are fitted",
                                      "paced: a limit says how fast it was asked"}));
  const auto none = measurements_of_fio(head + mixed + "]}", "a.json");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault, "calibrate-file");
  EXPECT_NE(none.error().message.find("only reads are fitted"), std::string::npos);
}

TEST(MeasurementFiles, PassesOverWhatFioSaysBeforeItsJson) {
  // Goal: standard output of fio, kept as it came. Method: a note and a report for people before the JSON.
  const auto usual = measurements_of_fio(
      "note: both iodepth >= 1 and synchronous I/O engine are selected\nx: (g=0): rw=randread\n" +
          std::string(fio_json) + "\n\n",
      "a.json");
  ASSERT_TRUE(usual) << usual.error().text();
  EXPECT_EQ(usual->points.size(), 2U);
}

TEST(MeasurementFiles, CountsWhatDiskSpdHadInFlight) {
  // Goal: requests of all targets and threads, by the plan. Method: the element layout of 2.2, with two
  // targets of own threads; then with threads that serve every target; then a throughput limit and writes.
  const auto span_of = [](std::string_view plan, int writes) {
    return fmt::format(
        "<?xml version=\"1.0\"?>\n<Results><System><ComputerName/><Tool><Version>2.2.0</Version></Tool>"
        "<ProcessorTopology Heterogeneous=\"false\"/></System><Profile><TimeSpans><TimeSpan>"
        "<Duration>10</Duration>{}</TimeSpan></TimeSpans></Profile>"
        "<TimeSpan><TestTimeSeconds>2.00</TestTimeSeconds><ThreadCount>3</ThreadCount>"
        "<RequestCount>0</RequestCount><ProcCount>4</ProcCount>"
        "<CpuUtilization><CPU><Socket>0</Socket><Id>0</Id></CPU></CpuUtilization>"
        "<Thread><Id>0</Id><Target><Path>a</Path><BytesCount>4096000</BytesCount><FileSize>1</FileSize>"
        "<IOCount>1000</IOCount><ReadBytes>4096000</ReadBytes><ReadCount>{}</ReadCount>"
        "<WriteBytes>0</WriteBytes><WriteCount>{}</WriteCount></Target></Thread></TimeSpan></Results>",
        plan, 1000 - writes, writes);
  };
  const auto target = [](int threads, int depth, std::string_view more) {
    return fmt::format(
        "<Target><Path>a</Path><BlockSize>4096</BlockSize>"
        "<DisableOSCache>true</DisableOSCache><WriteThrough>true</WriteThrough>"
        "<RequestCount>{}</RequestCount><WriteRatio>0</WriteRatio>{}"
        "<ThreadsPerFile>{}</ThreadsPerFile></Target>",
        depth, more, threads);
  };
  const auto in_flight_of = [&](std::string_view plan) {
    const auto found = measurements_of_diskspd(span_of(plan, 0), "a.xml");
    EXPECT_TRUE(found) << found.error().text();
    return found ? found->points.at(0).sample.in_flight : 0;
  };
  const std::string both = fmt::format("<Targets>{}{}</Targets>", target(1, 8, ""), target(2, 4, ""));
  EXPECT_EQ(in_flight_of("<ThreadCount>0</ThreadCount><RequestCount>0</RequestCount>" + both), 8 + 2 * 4);
  EXPECT_EQ(in_flight_of("<ThreadCount>3</ThreadCount><RequestCount>0</RequestCount>" + both), 3 * (8 + 4));
  EXPECT_EQ(in_flight_of("<ThreadCount>3</ThreadCount><RequestCount>5</RequestCount>" + both), 3 * 5);
  const auto refused = [](const std::string& text, std::string_view why) {
    const auto found = measurements_of_diskspd(text, "a.xml");
    return !found && found.error().fault == "calibrate-file" &&
           found.error().message.find(why) != std::string::npos;
  };
  const std::string limited =
      fmt::format("<Targets>{}</Targets>", target(1, 8, "<Throughput unit=\"IOPS\">500</Throughput>"));
  EXPECT_TRUE(refused(span_of(limited, 0), "a limit says how fast it was asked"));
  EXPECT_TRUE(refused(span_of(both, 300), "30 % of its operations are writes"));
}

TEST(MeasurementFiles, RefusesWhatIsNoMeasurement) {
  for (const char* text : {"", "{", "[]", "{}", R"({"jobs": 3})", R"({"jobs": [1, {"jobname": 7}]})"}) {
    const auto found = measurements_of_fio(text, "a.json");
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().fault, "calibrate-file");
  }
  for (const char* text : {"", "<", "<Results>", "<a/>", "<Results/>", "<Results><TimeSpan/></Results>"}) {
    const auto found = measurements_of_diskspd(text, "a.xml");
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().fault, "calibrate-file");
  }
}

TEST(MeasurementFiles, ReadsEachTimeSpanOfDiskSpd) {
  // Goal: all threads together, at the target's depth. Method: two threads of a span as DiskSpd 2.0 writes
  // it.
  const auto found = measurements_of_diskspd(
      "<Results><System><Tool><Version>2.0.21a</Version></Tool></"
      "System><Profile><TimeSpans><TimeSpan><Targets>"
      "<Target><RequestCount>8</RequestCount><DisableOSCache>true</DisableOSCache></Target></Targets></"
      "TimeSpan>"
      "</TimeSpans></Profile><TimeSpan><TestTimeSeconds>2.00</TestTimeSeconds><ThreadCount>2</ThreadCount>"
      "<ProcCount>4</ProcCount>"
      "<Thread><Target><BytesCount>4096000</BytesCount><IOCount>1000</IOCount></Target></Thread>"
      "<Thread><Target><BytesCount>4096000</BytesCount><IOCount>1000</IOCount></Target></Thread>"
      "</TimeSpan></Results>",
      "a.xml");
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_EQ(found->points.size(), 1U);
  EXPECT_EQ(found->processors, 4U);
  EXPECT_DOUBLE_EQ(found->points[0].sample.operations_per_s, 1000);
  EXPECT_DOUBLE_EQ(found->points[0].sample.in_flight, 16);
  EXPECT_DOUBLE_EQ(found->points[0].sample.bytes, 4096);
  EXPECT_TRUE(found->points[0].sample.reaches_device);
}

TEST(MeasurementFiles, ReadsWhatDiskSpdWroteOnRealMachines) {
  // Goal: real output. Method: kept files; one that is mixed is refused with the reason.
  const auto folder = shared_path("hyperv/diskspd");
  if (!folder) GTEST_SKIP() << folder.error().text();
  const auto read = [&](const char* name) {
    std::ifstream file(*folder / name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  };
  const std::string random = read("virtualclient_diskspd_2.0.21a_rand4k_rw30_latency_iops.xml");
  const auto found = measurements_of_diskspd(random, "random");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("of its operations are writes"), std::string::npos)
      << found.error().text();
  const auto sequential =
      measurements_of_diskspd(read("pkb_diskspd_2.0.21a_seqread_nolatency.xml"), "sequential");
  ASSERT_TRUE(sequential) << sequential.error().text();
  EXPECT_EQ(sequential->points.at(0).sample.in_flight, 8);
  EXPECT_EQ(sequential->points[0].sample.bytes, 65536);
}

TEST(ProfileText, IsTakenAsItWasWritten) {
  // Goal: --device takes what calibrate writes, and every number survives. Method: written, parsed, compared.
  PosixFileSystem library_files;
  const ProfileLibrary library(library_files, std::nullopt);
  const auto parsed_back = [&](const sim::MachineNumbers& numbers) {
    const std::string text = profile_text(numbers, {"a\nb"}, 0.021);
    auto profile = parse_profile(text, "here", "here.yaml", library);
    EXPECT_TRUE(profile) << text << (profile ? "" : render_findings(profile.error()));
    return profile ? *profile : sim::DeviceProfile{};
  };
  const sim::MachineNumbers device{.processors = 4,
                                   .operation_s = 1.2e-6,
                                   .layer_probe_s = 41e-9,
                                   .device_latency_s = 53e-6,
                                   .device_bytes_per_s = 1.2e9,
                                   .device_operations_per_s = 82e3};
  const sim::DeviceProfile wanted = sim::profile_of(device);
  const sim::DeviceProfile got = parsed_back(device);
  const auto& volume = std::get<sim::SharedVolumeProfile>(got.model);
  const auto& wanted_volume = std::get<sim::SharedVolumeProfile>(wanted.model);
  EXPECT_EQ(volume.servers, wanted_volume.servers);
  EXPECT_EQ(volume.service, wanted_volume.service);
  EXPECT_EQ(volume.round_trip, wanted_volume.round_trip);
  EXPECT_EQ(volume.bytes_per_s, wanted_volume.bytes_per_s);
  EXPECT_EQ(got.host.operation, wanted.host.operation);
  EXPECT_EQ(got.host.layer_probe, wanted.host.layer_probe);
  EXPECT_EQ(got.host.processors, 4U);
  EXPECT_EQ(got.summary, "A machine as it was measured, fitted by 'vhdlab calibrate'.");
  EXPECT_TRUE(std::holds_alternative<sim::ServerProfile>(parsed_back({.operation_s = 1e-6}).model));
}

TEST(SimulatedRates, PredictsTheDepthsThatWereHeldOut) {
  // Goal: fit on three depths, predict the others, within 1 % where the machine is the model. Method: a
  // simulated machine is measured, calibrated without a look at its profile, and simulated again.
  const std::string text =
      "# Q?\nname: t\nseed: 3\ndisk: { size: 64MiB, block_size: 1MiB }\nsweep: { depth: [0, 1, 2, 4, 8, 16] "
      "}\n"
      "setup:\n  - create: base\n  - fill: { amount: 100% }\n  - repeat: $depth\n    steps:\n      - "
      "checkpoint\n"
      "      - write: { block_size: 64KiB, amount: 5% }\n"
      "measure:\n  - read: { name: reads, queue_depth: 2, direct: true, operations: 20000 }\n  - merge: {}\n";
  const auto scenario = parse_scenario(text, "t.yaml");
  ASSERT_TRUE(scenario) << render_findings(scenario.error());
  sim::DeviceProfile machine;
  machine.model =
      sim::ServerProfile{.capacity_bytes = 64 * gib, .servers = 64, .service = std::chrono::microseconds(70)};
  machine.host = {.processors = 2,
                  .operation = std::chrono::microseconds(5),
                  .layer_probe = std::chrono::microseconds(2),
                  .page_cache_bytes = 0};
  const auto target = make_sim_target({.device = machine});
  SilentProgress quiet;
  const RunOutcome measured = run_scenario(*scenario, *target, {}, quiet, {});
  ASSERT_FALSE(measured.failure);
  const auto samples = measurements_of(measured.record, "", RateFrom::iops);
  ASSERT_TRUE(samples) << samples.error().text();
  ASSERT_EQ(samples->points.size(), 6U);
  EXPECT_EQ(samples->step, "reads");
  EXPECT_EQ(samples->left_out, std::vector<std::string>{"merge: no reads"});
  const std::vector<sim::RateSample> fitted = {samples->points[0].sample, samples->points[3].sample,
                                               samples->points[5].sample};
  const auto fit = sim::fit_machine(fitted, 2);
  ASSERT_TRUE(fit);
  const auto rates =
      simulated_rates(measured.record, "reads", RateFrom::iops, sim::profile_of(fit->numbers), {});
  ASSERT_TRUE(rates) << rates.error().text();
  for (size_t i = 0; i < rates->size(); ++i)
    EXPECT_NEAR(rates->at(i).value_or(0) / samples->points[i].sample.operations_per_s, 1, 0.01) << i;
  const auto none = measurements_of(measured.record, "merge", RateFrom::iops);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault, "calibrate-step");
}

}  // namespace
}  // namespace vhdlab::tests
