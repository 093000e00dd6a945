// Writing a profile for people; see profile_text.h.
#include "scenarios/calibration/profile_text.h"

#include <fmt/format.h>

#include "engine/base/units.h"

namespace vhdlab::scenarios {
namespace {

std::string on_one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

// In the largest unit that keeps it whole, so that what is read back is what was written.
std::string size_text(uint64_t bytes) {
  if (bytes % gib == 0) return fmt::format("{}GiB", bytes / gib);
  if (bytes % mib == 0) return fmt::format("{}MiB", bytes / mib);
  return fmt::format("{}", bytes);
}

}  // namespace

std::string profile_text(const sim::MachineNumbers& numbers, const std::vector<std::string>& origins,
                         double error_rms) {
  const sim::DeviceProfile profile = sim::profile_of(numbers);
  std::string text = "# A machine as it was measured, fitted by 'vhdlab calibrate'.\n#\n";
  for (const std::string& origin : origins)
    text += fmt::format("# From: {}\n", on_one_line(origin));
  text += fmt::format("# The points fitted are off by {:.1f} % (root mean square).\n", error_rms * 100);
  text += "# Reads were fitted. Nothing is known of writes and flushes: a write takes a read's time here.\n";
  if (const auto* volume = std::get_if<sim::SharedVolumeProfile>(&profile.model)) {
    text += fmt::format("device: shared-volume\ncapacity: {}\n", size_text(volume->capacity_bytes));
    text += fmt::format("round_trip: {}ns # with service: the latency of one request alone\n",
                        volume->round_trip.count());
    text += fmt::format("network: {} # {}\n", size_text(volume->bytes_per_s),
                        numbers.device_bytes_per_s ? "bytes a second, fitted"
                                                   : "the measurements do not show a limit of bytes");
    text +=
        fmt::format("servers: {} # {}\n", volume->servers,
                    numbers.device_operations_per_s ? "with service: the most operations a second, fitted"
                                                    : "the measurements do not show a limit of operations");
    text += fmt::format("service: {}ns\n", volume->service.count());
  } else {
    const auto& server = std::get<sim::ServerProfile>(profile.model);
    text +=
        "# The measurements never reached a device: this one stands in, and what it answers means nothing.\n";
    text += fmt::format("device: server\ncapacity: {}\nservice: {}ns\n", size_text(server.capacity_bytes),
                        server.service.count());
  }
  text += "host:\n";
  text += fmt::format("  processors: {}\n", profile.host.processors);
  text += fmt::format("  operation: {}ns # {}\n", profile.host.operation.count(),
                      numbers.operation_s
                          ? "with requests and copying in it, fitted"
                          : "in the device's latency, where the measurements do not part the two");
  text += fmt::format("  layer_probe: {}ns # {}\n", profile.host.layer_probe.count(),
                      numbers.layer_probe_s ? "fitted" : "the measurements do not show it");
  text += fmt::format("  request: 0\n  copy: {}\n  page_cache: {}\n", "1024GiB",
                      size_text(profile.host.page_cache_bytes));
  return text;
}

}  // namespace vhdlab::scenarios
