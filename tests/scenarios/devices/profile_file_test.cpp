// Device profiles from files: the shipped ones, what a wrong one is told, and a curve others have published.
#include "scenarios/devices/profile_file.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/io/posix_file_system.h"
#include "scenarios/language/parse.h"
#include "sim/device/hdd.h"
#include "tests/support/checkout.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {
namespace {

using namespace scenarios;
using testing::ElementsAre;
using testing::HasSubstr;

struct ProfileFile : testing::Test {
  PosixFileSystem files;
  ProfileLibrary library{files, checkout_path("scenarios/library")};

  // The only finding about `text`, as people see it.
  std::string finding_about(const std::string& text) {
    const auto profile = parse_profile(text, "mine", "mine.yaml", library);
    if (profile) return "none";
    EXPECT_EQ(profile.error().size(), 1U) << render_findings(profile.error());
    return render_findings(profile.error());
  }
};

TEST_F(ProfileFile, EveryShippedDeviceLoadsAndSaysWhatItIs) {
  // Goal: the list in the manual is what there is, and each can be used. Method: the shipped folder.
  const auto entries = library.list();
  ASSERT_TRUE(entries) << entries.error().text();
  std::vector<std::string> names;
  for (const auto& entry : *entries) {
    names.push_back(entry.name);
    EXPECT_TRUE(entry.summary.ends_with('.')) << entry.name << ": " << entry.summary;
    const auto profile = library.find(entry.name);
    ASSERT_TRUE(profile) << render_findings(profile.error());
    EXPECT_EQ(profile->name, entry.name);
  }
  EXPECT_THAT(names, ElementsAre("hdd-10k", "hdd-7200", "nvme", "raid10-hdd", "raid5-hdd", "sata-ssd",
                                 "shared-volume"));
}

TEST_F(ProfileFile, AFileThatIsNoProfileIsToldSo) {
  // Goal: `--device text.txt` says what is wrong with text.txt, not that there is no such device. Method:
  // files of several kinds, named without a '/' from the folder they lie in; and a name nothing has.
  const tests::TemporaryFolder folder;
  const auto earlier = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  auto told = [&](const std::string& name) {
    const auto profile = library.find(name);
    return profile ? "none" : render_findings(profile.error());
  };
  const auto save = [](const char* name, const std::string& text) { std::ofstream(name) << text; };
  save("text.txt", "hello\n");
  save("empty", "");
  save("disk.vhdx", std::string("vhdxfile\0\xff", 10));
  save("large.txt", std::string(300 * 1024, '#'));
  save("mine.profile", "device: server\nservice: 1ms\ncapacity: 1GiB\n");
  EXPECT_THAT(told("text.txt"), HasSubstr("text.txt:1:1: error: this is no device profile"));
  EXPECT_THAT(told("empty"), HasSubstr("this is no device profile"));
  EXPECT_THAT(told("disk.vhdx"), HasSubstr("not a text file"));
  EXPECT_THAT(told("large.txt"), HasSubstr("larger than the 256 KiB of a profile"));
  EXPECT_THAT(told("mine.profile"), testing::Not(HasSubstr("there is no device")));
  EXPECT_THAT(told("nvm"), HasSubstr("there is no device 'nvm'"));
  save("nvme", "hello\n");
  EXPECT_EQ(told("nvme"), "none") << "the shipped one";
  std::filesystem::current_path(earlier);
}

TEST_F(ProfileFile, SeeksOfTheAtlas10KLieWithinFivePercentOfThePublishedCurve) {
  // Goal: the model of a seek holds between the points it was given. Method: the profile has every other
  // point of DiskSim's table; these are the ones it has not.
  const auto profile = library.find("hdd-10k");
  ASSERT_TRUE(profile) << render_findings(profile.error());
  const auto& atlas = std::get<sim::HddProfile>(profile->model);
  struct Point {
    uint64_t cylinders;
    double time_ms;
  };
  for (const Point& point : {Point{1000, 3.820}, Point{4000, 6.226}, Point{8000, 8.951}}) {
    for (const auto& given : atlas.seeks)
      ASSERT_NE(given.cylinders, point.cylinders) << "a point that was given proves nothing";
    const double predicted_ms =
        std::chrono::duration<double, std::milli>(seek_time(atlas, point.cylinders)).count();
    EXPECT_NEAR(predicted_ms, point.time_ms, 0.05 * point.time_ms) << point.cylinders << " cylinders";
  }
}

TEST_F(ProfileFile, IsToldWhereItIsWrong) {
  // Goal: a wrong word, a wrong unit and an impossible number are each named with their line and a hint.
  // Method: a good profile, spoilt in one place.
  const std::string good = "# Two servers.\ndevice: server\ncapacity: 1GiB\nservers: 2\nservice: 100us\n";
  EXPECT_EQ(finding_about(good), "none");
  auto spoilt = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return finding_about(text);
  };
  EXPECT_THAT(spoilt("device: server", "device: serber"), HasSubstr("mine.yaml:2:"));
  EXPECT_THAT(spoilt("capacity: 1GiB", "capacity: 1Gob"), HasSubstr("mine.yaml:3:"));
  EXPECT_THAT(spoilt("servers: 2", "servers: 0"), HasSubstr("mine.yaml:4:"));
  EXPECT_THAT(spoilt("servers: 2", "severs: 2"), HasSubstr("did you mean 'servers'?"));
}

TEST_F(ProfileFile, IsRefusedWhereNoDeviceCouldBeIt) {
  // Goal: numbers that are each in range and impossible together are a sentence, never a hang or a crash
  // later. Method: shipped profiles, each spoilt by one line.
  struct Case {
    const char* device;
    const char* from;
    const char* to;
    const char* told;
  };
  constexpr std::array cases = {
      Case{"hdd-7200", "capacity: 7450GiB", "capacity: 9000GiB", "and the capacity is"},
      Case{"hdd-7200", "  - [1000, 1.8ms]", "  - [1000, 0.4ms]",
           "a seek over 1000 cylinders follows one over 1"},
      Case{"hdd-7200", "  - [173000, 8.5ms]", "  - [900, 8.5ms]",
           "a seek over 900 cylinders follows one over 1000"},
      Case{"hdd-7200", "rotations_per_minute: 7200", "rotations_per_minute: 0", "expected"},
      Case{"hdd-7200", "  - [130000, 4000]", "  - 130000", "is no pair"},
      Case{"nvme", "over_provisioned: 520GiB", "over_provisioned: 1MiB", "a drive needs spare flash"},
      Case{"nvme", "write_cache: 256MiB", "write_cache: 4KiB", "is less than a page of"},
      Case{"nvme", "channels: 16", "channels: 0", "expected"},
      Case{"shared-volume", "service: 300us", "service: 0", "has no rate"},
      Case{"shared-volume", "iops_limit: 5000", "iops_limit: 0", "expected"},
      Case{"raid10-hdd", "members: 8", "members: 7", "7 members make no RAID 10"},
      Case{"raid5-hdd", "level: 5", "level: 6", "expected"},
      Case{"raid10-hdd", "member: hdd-7200", "member: raid5-hdd", "cannot be the member of a RAID"},
      Case{"raid10-hdd", "member: hdd-7200", "member: hdd-5400", "there is no device 'hdd-5400'"},
      Case{"nvme", "processors: 2", "processors: 0", "expected"},
      Case{"nvme", "page_cache: 1GiB", "page_cache: 1GiB, share: 1h", "expected"},
  };
  for (const Case& each : cases) {
    std::ifstream file(checkout_path(std::string("scenarios/library/devices/") + each.device + ".yaml"));
    std::stringstream text;
    text << file.rdbuf();
    std::string spoilt = text.str();
    const size_t at = spoilt.find(each.from);
    ASSERT_NE(at, std::string::npos) << each.device << ": " << each.from;
    spoilt.replace(at, std::string_view(each.from).size(), each.to);
    EXPECT_THAT(finding_about(spoilt), HasSubstr(each.told)) << each.device << ": " << each.to;
  }
}

}  // namespace
}  // namespace vhdlab::tests
