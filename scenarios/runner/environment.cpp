// Reading the machine's description from /proc and /sys; see environment.h.
#include "scenarios/runner/environment.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/base/bytes.h"
#include "engine/io/paths.h"

namespace vhdlab::scenarios {
namespace {

std::string first_line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The value of "key : value" in a file of such lines.
std::string field_of(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? std::string() : line.substr(value);
  }
  return {};
}

std::string machine_name() {
  const std::string vendor = first_line_of("/sys/class/dmi/id/sys_vendor");
  const std::string product = first_line_of("/sys/class/dmi/id/product_name");
  if (vendor.empty() || product.starts_with(vendor)) return product;
  return product.empty() ? vendor : vendor + " " + product;
}

uint64_t memory_bytes() {
  std::istringstream text(field_of("/proc/meminfo", "MemTotal"));
  uint64_t kibibytes = 0;
  text >> kibibytes;
  return kibibytes * kib;
}

uint32_t usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 0;
  return static_cast<uint32_t>(CPU_COUNT(&set));
}

std::string kernel_name() {
  utsname name{};
  if (uname(&name) != 0) return {};
  return fmt::format("{} {}", name.sysname, name.release);
}

struct Mount {
  std::string point;
  std::string type;
  std::string source;
  std::string options;
};

// The mount a folder lies on: the longest mount point that is a prefix of it. Fields as in proc(5),
// mountinfo.
Mount mount_of(const std::string& folder) {
  Mount best;
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point, options, word, type, source;
    fields >> id >> parent >> device >> root >> point >> options;
    while (fields >> word && word != "-") {
    }
    fields >> type >> source;
    const bool covers = folder == point || point == "/" || folder.starts_with(point + "/");
    if (covers && point.size() >= best.point.size()) best = {point, type, source, options};
  }
  return best;
}

std::string device_kind(const std::string& source) {
  const std::string device = std::filesystem::path(source).filename().string();
  for (const std::string& queue : {"/sys/class/block/" + device + "/queue/rotational",
                                   "/sys/class/block/" + device + "/../queue/rotational"}) {
    const std::string rotational = first_line_of(queue);
    if (!rotational.empty()) return rotational == "0" ? " (no seek cost)" : " (rotating)";
  }
  return {};
}

// The smallest unit O_DIRECT reads take in the folder, by trying; 0 where it is refused.
uint64_t direct_alignment_bytes(const std::string& folder) {
  std::string name = (std::filesystem::path(folder) / "direct-probe-XXXXXX").string();
  const int plain = mkstemp(name.data());
  if (plain < 0) return 0;
  uint64_t alignment = 0;
  AlignedBuffer block(8192);
  if (write(plain, block.bytes().data(), block.size()) == static_cast<ssize_t>(block.size())) {
    const int direct = open(name.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    for (uint64_t size : {uint64_t{512}, uint64_t{4096}}) {
      if (direct < 0 || alignment != 0) break;
      if (pread(direct, block.bytes().data(), size, static_cast<off_t>(size)) == static_cast<ssize_t>(size))
        alignment = size;
    }
    if (direct >= 0) close(direct);
  }
  close(plain);
  unlink(name.c_str());
  return alignment;
}

}  // namespace

reports::Environment describe_environment(const std::string& work_folder) {
  const std::string folder = absolute_path(work_folder);
  const Mount mount = mount_of(folder);
  return {.machine = machine_name(),
          .cpu = field_of("/proc/cpuinfo", "model name"),
          .cores = usable_cores(),
          .memory_bytes = memory_bytes(),
          .kernel = kernel_name(),
          .file_system = mount.type,
          .mount = mount.source.empty()
                       ? std::string()
                       : fmt::format("{} on {}{}", mount.options, mount.source, device_kind(mount.source)),
          .direct_alignment_bytes = direct_alignment_bytes(folder),
          .compiler = fmt::format("g++ {}", __VERSION__),
          .libraries = {{"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100,
                                            FMT_VERSION % 100)}}};
}

std::string utc_now() {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

}  // namespace vhdlab::scenarios
