// The numbers of a device, as plain data. The shipped ones lie in scenarios/library/devices, each with the
// source of every number; profile_fault() refuses what no device can be.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/base/units.h"
#include "sim/device/device.h"

namespace vhdlab::sim {

// A queue and `servers` behind it: what queueing theory calls M/M/c or M/D/c, depending on the service.
struct ServerProfile {
  uint64_t capacity_bytes = 0;
  uint32_t servers = 1;
  Nanoseconds service{0};
  bool exponential = false;  // service times are drawn with that mean; else they are all the same
};

// A moving arm over spinning platters.
struct HddProfile {
  struct SeekPoint {
    uint64_t cylinders = 0;
    Nanoseconds time{0};
  };
  struct Zone {
    uint32_t cylinders = 0;
    uint32_t sectors_per_track = 0;  // of 512 bytes
  };

  uint64_t capacity_bytes = 0;
  uint32_t rotations_per_minute = 0;
  uint32_t surfaces = 0;
  std::vector<Zone> zones;       // from the rim inward
  std::vector<SeekPoint> seeks;  // by distance; between two points time follows the root of the distance
  Nanoseconds track_switch{0};   // to the next track of a cylinder, or the next cylinder's first
  Nanoseconds write_settle{0};   // what a write takes more than a read after a seek
  Nanoseconds overhead{0};       // of the controller, for each request
  uint64_t interface_bytes_per_s = 0;
  uint32_t queue_depth = 1;       // requests the drive chooses among; 1: in the order they come
  uint64_t read_ahead_bytes = 0;  // how far it reads on behind a read when nothing else is asked
};

// Flash behind channels, with a write cache in front and collection behind.
struct SsdProfile {
  uint64_t capacity_bytes = 0;
  uint64_t over_provisioned_bytes = 0;  // flash beyond the capacity
  uint32_t channels = 0;
  uint32_t dies_per_channel = 0;
  uint64_t page_bytes = 0;
  uint32_t pages_per_block = 0;  // programmed and read one by one, erased together
  Nanoseconds read{0};
  Nanoseconds program{0};  // of page_bytes on one die, all its planes at work
  Nanoseconds erase{0};
  uint64_t channel_bytes_per_s = 0;
  uint64_t interface_bytes_per_s = 0;
  Nanoseconds command{0};  // the controller's share of a command; commands do not overlap in it
  Nanoseconds latency{0};  // of the interface and the firmware; these overlap
  uint32_t queue_depth = 1;
  uint64_t write_cache_bytes = 0;
  bool cache_survives_power_loss = false;  // then a flush has nothing to wait for
};

// A volume at the other end of a network, with the limits an operator gave it.
struct SharedVolumeProfile {
  uint64_t capacity_bytes = 0;
  Nanoseconds round_trip{0};
  uint64_t bytes_per_s = 0;  // of the network, each way
  uint32_t servers = 1;      // requests the array works on at once
  Nanoseconds service{0};    // of one request in the array
  // Storage quality of service: a request counts once for each beginning normalized_bytes.
  std::optional<uint64_t> operations_per_s_max;
  uint64_t normalized_bytes = 8 * kib;
  uint64_t burst_operations = 1;  // tokens saved up while nothing is asked
};

struct DeviceProfile;

enum class RaidLevel { striped_mirrors, rotating_parity };  // RAID 10, RAID 5

struct RaidProfile {
  RaidLevel level = RaidLevel::striped_mirrors;
  uint32_t members = 0;
  uint64_t stripe_unit_bytes = 0;
  Nanoseconds overhead{0};  // of the controller, for each request
  std::shared_ptr<const DeviceProfile> member;
};

// The machine in front of the device.
struct HostProfile {
  uint32_t processors = 2;
  Nanoseconds operation{1000};  // processor time of a guest request, besides what follows
  Nanoseconds layer_probe{50};  // of asking one layer
  Nanoseconds request{1000};    // of one request to a file
  Nanoseconds table_page{0};    // of taking in a table page, besides reading it
  uint64_t copy_bytes_per_s = 8 * gib;
  uint64_t page_cache_bytes = 1 * gib;  // for files not opened for direct I/O; 0: none
  // What it takes to let two files share an extent, however long; absent: the file system cannot, and merges
  // copy.
  std::optional<Nanoseconds> share = {};
};

struct DeviceProfile {
  std::string name;
  std::string summary;  // one line for people
  std::variant<ServerProfile, HddProfile, SsdProfile, SharedVolumeProfile, RaidProfile> model;
  HostProfile host;
};

// What makes the numbers impossible together, and the key it hangs on ("seek", "zones"); nothing where they
// are sound. Single numbers out of range are the caller's to find.
struct ProfileFault {
  std::string key;
  std::string message;
  std::string hint;
};
[[nodiscard]] std::optional<ProfileFault> profile_fault(const DeviceProfile& profile);

// Promised by the caller: profile_fault() finds nothing. `events` outlives the device. Equal profiles and
// seeds make devices that behave equally.
[[nodiscard]] std::unique_ptr<Device> make_device(const DeviceProfile& profile, EventQueue& events,
                                                  uint64_t seed);

}  // namespace vhdlab::sim
