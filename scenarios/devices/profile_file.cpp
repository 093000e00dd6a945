// The keys of each kind of device, their ranges, and where profiles lie; see profile_file.h.
#include "scenarios/devices/profile_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>

#include <fmt/format.h>

#include "scenarios/language/document.h"
#include "scenarios/language/parse.h"
#include "scenarios/language/scenario_text.h"
#include "scenarios/language/settings.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

namespace fs = std::filesystem;

enum class Kind { server, hdd, ssd, shared_volume, raid };

constexpr std::array<Word<Kind>, 5> kinds = {{{"server", Kind::server},
                                              {"hdd", Kind::hdd},
                                              {"ssd", Kind::ssd},
                                              {"shared-volume", Kind::shared_volume},
                                              {"raid", Kind::raid}}};

constexpr Nanoseconds time_max = std::chrono::seconds(10);
constexpr uint64_t rate_max = 1 * tib;

// Who looks for a member's member: a RAID of RAIDs is refused, and so no ring of profiles can be walked.
class NoMembers final : public ProfileFinder {
 public:
  std::expected<sim::DeviceProfile, Findings> find(const std::string& name,
                                                   const ProfileFinder&) const override {
    return std::unexpected(Findings{{.file = name,
                                     .line = 1,
                                     .column = 1,
                                     .message = "a RAID cannot be the member of a RAID",
                                     .hint = "name a single device",
                                     .source_line = {}}});
  }
};

// Reads one profile; findings collect what is wrong, and defaults stand in for it.
class Reader {
 public:
  Reader(const Node& root, Judge& judge, const ProfileFinder& finder)
      : root_(root), judge_(judge), finder_(finder) {}

  std::optional<sim::DeviceProfile> read(std::string name, std::string summary) {
    if (root_.kind != Node::Kind::mapping) {
      judge_.add(root_, "this is no device profile, which is a list of 'key: value'",
                 "begin it with device: server, hdd, ssd, shared-volume or raid");
      return std::nullopt;
    }
    const Node* device = root_.find("device");
    if (device == nullptr) {
      judge_.add(root_, "the profile has no 'device'",
                 "say what it models: server, hdd, ssd, shared-volume or raid");
      return std::nullopt;
    }
    sim::DeviceProfile profile{.name = std::move(name), .summary = std::move(summary)};
    const auto kind = std::ranges::find(kinds, device->text, [](const auto& each) { return each.first; });
    if (kind == kinds.end()) {
      std::vector<std::string_view> names;
      for (const auto& each : kinds)
        names.push_back(each.first);
      judge_.add(*device, fmt::format("there is no device of kind {}", in_quotes(device->text)),
                 suggestion(device->text, names));
      return std::nullopt;
    }
    switch (kind->second) {
      case Kind::server:
        read_server(profile);
        break;
      case Kind::hdd:
        read_hdd(profile);
        break;
      case Kind::ssd:
        read_ssd(profile);
        break;
      case Kind::shared_volume:
        read_shared_volume(profile);
        break;
      case Kind::raid:
        read_raid(profile);
        break;
    }
    read_host(profile.host);
    if (!judge_.findings().empty()) return std::nullopt;
    if (const auto fault = sim::profile_fault(profile)) {
      const Node* at = root_.find(fault->key);
      judge_.add(at != nullptr ? *at : root_, fault->message, fault->hint);
    }
    return profile;
  }

 private:
  // Every key is required unless it has a value to fall back on.
  uint64_t size(Settings& settings, std::string_view key, uint64_t min, uint64_t max) {
    (void)settings.required(key);
    return settings.size(key, min, max).value_or(min);
  }
  uint64_t whole(Settings& settings, std::string_view key, uint64_t min, uint64_t max) {
    (void)settings.required(key);
    return settings.whole(key, min, max).value_or(min);
  }
  Nanoseconds time(Settings& settings, std::string_view key) {
    (void)settings.required(key);
    return settings.duration(key, time_max).value_or(Nanoseconds(1));
  }

  void read_server(sim::DeviceProfile& profile) {
    static constexpr std::array<std::string_view, 6> keys = {"device",  "capacity", "servers",
                                                             "service", "times",    "host"};
    Settings settings(judge_, root_, "", keys);
    sim::ServerProfile server;
    server.capacity_bytes = size(settings, "capacity", mib, 1024 * tib);
    server.servers = static_cast<uint32_t>(settings.whole("servers", 1, 100'000).value_or(1));
    server.service = time(settings, "service");
    static constexpr std::array<Word<bool>, 2> times = {{{"constant", false}, {"exponential", true}}};
    server.exponential = settings.word<bool>("times", times).value_or(false);
    profile.model = server;
  }

  void read_hdd(sim::DeviceProfile& profile) {
    static constexpr std::array<std::string_view, 13> keys = {
        "device",   "capacity",  "rotations_per_minute", "surfaces",
        "zones",    "seek",      "track_switch",         "write_settle",
        "overhead", "interface", "queue_depth",          "read_ahead",
        "host"};
    Settings settings(judge_, root_, "", keys);
    sim::HddProfile hdd;
    hdd.capacity_bytes = size(settings, "capacity", mib, 1024 * tib);
    hdd.rotations_per_minute = static_cast<uint32_t>(whole(settings, "rotations_per_minute", 300, 100'000));
    hdd.surfaces = static_cast<uint32_t>(whole(settings, "surfaces", 1, 64));
    for (const Node* pair : pairs(settings, "zones", "[CYLINDERS, SECTORS]")) {
      const auto cylinders = judge_.whole(pair->items[0], "the cylinders of a zone", 1, 10'000'000);
      const auto sectors = judge_.whole(pair->items[1], "the sectors of a track", 1, 1'000'000);
      if (cylinders && sectors)
        hdd.zones.push_back({static_cast<uint32_t>(*cylinders), static_cast<uint32_t>(*sectors)});
    }
    for (const Node* pair : pairs(settings, "seek", "[CYLINDERS, TIME]")) {
      const auto cylinders = judge_.whole(pair->items[0], "the distance of a seek", 1, 100'000'000);
      const auto seek = judge_.duration(pair->items[1], "the time of a seek", time_max);
      if (cylinders && seek) hdd.seeks.push_back({*cylinders, *seek});
    }
    hdd.track_switch = time(settings, "track_switch");
    hdd.write_settle = time(settings, "write_settle");
    hdd.overhead = time(settings, "overhead");
    hdd.interface_bytes_per_s = size(settings, "interface", 1, rate_max);
    hdd.queue_depth = static_cast<uint32_t>(whole(settings, "queue_depth", 1, 1024));
    hdd.read_ahead_bytes = settings.size("read_ahead", 0, gib).value_or(0);
    profile.model = std::move(hdd);
  }

  void read_ssd(sim::DeviceProfile& profile) {
    static constexpr std::array<std::string_view, 18> keys = {"device",
                                                              "capacity",
                                                              "over_provisioned",
                                                              "channels",
                                                              "dies_per_channel",
                                                              "page",
                                                              "pages_per_block",
                                                              "read",
                                                              "program",
                                                              "erase",
                                                              "channel",
                                                              "interface",
                                                              "command",
                                                              "latency",
                                                              "queue_depth",
                                                              "write_cache",
                                                              "cache_survives_power_loss",
                                                              "host"};
    Settings settings(judge_, root_, "", keys);
    sim::SsdProfile ssd;
    ssd.capacity_bytes = size(settings, "capacity", mib, 1024 * tib);
    ssd.over_provisioned_bytes = size(settings, "over_provisioned", 1, 1024 * tib);
    ssd.channels = static_cast<uint32_t>(whole(settings, "channels", 1, 128));
    ssd.dies_per_channel = static_cast<uint32_t>(whole(settings, "dies_per_channel", 1, 128));
    ssd.page_bytes = size(settings, "page", 512, mib);
    ssd.pages_per_block = static_cast<uint32_t>(whole(settings, "pages_per_block", 1, 100'000));
    ssd.read = time(settings, "read");
    ssd.program = time(settings, "program");
    ssd.erase = time(settings, "erase");
    ssd.channel_bytes_per_s = size(settings, "channel", 1, rate_max);
    ssd.interface_bytes_per_s = size(settings, "interface", 1, rate_max);
    ssd.command = time(settings, "command");
    ssd.latency = time(settings, "latency");
    ssd.queue_depth = static_cast<uint32_t>(whole(settings, "queue_depth", 1, 65'536));
    ssd.write_cache_bytes = size(settings, "write_cache", 1, tib);
    ssd.cache_survives_power_loss = settings.boolean("cache_survives_power_loss").value_or(false);
    profile.model = ssd;
  }

  void read_shared_volume(sim::DeviceProfile& profile) {
    static constexpr std::array<std::string_view, 10> keys = {
        "device",  "capacity",   "round_trip", "network", "servers",
        "service", "iops_limit", "normalized", "burst",   "host"};
    Settings settings(judge_, root_, "", keys);
    sim::SharedVolumeProfile volume;
    volume.capacity_bytes = size(settings, "capacity", mib, 1024 * tib);
    volume.round_trip = time(settings, "round_trip");
    volume.bytes_per_s = size(settings, "network", 1, rate_max);
    volume.servers = static_cast<uint32_t>(whole(settings, "servers", 1, 100'000));
    volume.service = time(settings, "service");
    volume.operations_per_s_max = settings.whole("iops_limit", 1, 1'000'000'000);
    volume.normalized_bytes = settings.size("normalized", 512, gib).value_or(8 * kib);
    volume.burst_operations = settings.whole("burst", 1, 1'000'000'000).value_or(1);
    profile.model = volume;
  }

  void read_raid(sim::DeviceProfile& profile) {
    static constexpr std::array<std::string_view, 7> keys = {"device",      "level",    "members", "member",
                                                             "stripe_unit", "overhead", "host"};
    Settings settings(judge_, root_, "", keys);
    sim::RaidProfile raid;
    static constexpr std::array<Word<sim::RaidLevel>, 2> levels = {
        {{"10", sim::RaidLevel::striped_mirrors}, {"5", sim::RaidLevel::rotating_parity}}};
    (void)settings.required("level", "say 10 or 5");
    raid.level = settings.word<sim::RaidLevel>("level", levels).value_or(raid.level);
    raid.members = static_cast<uint32_t>(whole(settings, "members", 2, 256));
    raid.stripe_unit_bytes = size(settings, "stripe_unit", 4 * kib, gib);
    raid.overhead = time(settings, "overhead");
    const Node* member = settings.required("member", "name the profile of one disk");
    const auto member_name = settings.text("member");
    if (member == nullptr || !member_name) return;
    const NoMembers single_devices_only;
    const auto found = finder_.find(*member_name, single_devices_only);
    if (found) {
      raid.member = std::make_shared<const sim::DeviceProfile>(*found);
      profile.model = std::move(raid);
    } else {
      judge_.add(*member, fmt::format("the member {}: {}", in_quotes(*member_name), found.error()[0].message),
                 found.error()[0].hint);
    }
  }

  void read_host(sim::HostProfile& host) {
    const Node* node = root_.find("host");
    if (node == nullptr) return;
    static constexpr std::array<std::string_view, 8> keys = {
        "processors", "operation", "layer_probe", "request", "table_page", "copy", "page_cache", "share"};
    Settings settings(judge_, *node, "host", keys);
    host.processors = static_cast<uint32_t>(settings.whole("processors", 1, 4096).value_or(host.processors));
    host.operation = settings.duration("operation", time_max).value_or(host.operation);
    host.layer_probe = settings.duration("layer_probe", time_max).value_or(host.layer_probe);
    host.request = settings.duration("request", time_max).value_or(host.request);
    host.table_page = settings.duration("table_page", time_max).value_or(host.table_page);
    host.share = settings.duration("share", time_max);
    host.copy_bytes_per_s = settings.size("copy", 1, rate_max).value_or(host.copy_bytes_per_s);
    host.page_cache_bytes = settings.size("page_cache", 0, 64 * gib).value_or(host.page_cache_bytes);
  }

  // The items of a list of pairs; everything else in it is a finding.
  std::vector<const Node*> pairs(Settings& settings, std::string_view key, std::string_view form) {
    std::vector<const Node*> found;
    const Node* list = settings.required(key, fmt::format("a list of {}", form));
    if (list == nullptr) return found;
    if (list->kind != Node::Kind::list || list->items.empty()) {
      judge_.add(*list, fmt::format("'{}' is no list", key), fmt::format("write it as a list of {}", form));
      return found;
    }
    for (const Node& item : list->items) {
      if (item.kind == Node::Kind::list && item.items.size() == 2) {
        found.push_back(&item);
      } else {
        judge_.add(item, fmt::format("an item of '{}' is no pair", key), fmt::format("write {}", form));
      }
    }
    return found;
  }

  const Node& root_;
  Judge& judge_;
  const ProfileFinder& finder_;
};

Result<std::string> read_text(FileSystem& files, const std::string& path) {
  const auto file = TRY(files.open(path, OpenMode::read_only));
  std::string text(std::min<uint64_t>(TRY(file->size_bytes()), scenario_bytes_max + 1), '\0');
  TRY(file->read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

Findings one_finding(const std::string& file, std::string message, std::string hint) {
  return {{.file = file, .line = 1, .column = 1, .message = std::move(message), .hint = std::move(hint)}};
}

}  // namespace

std::expected<sim::DeviceProfile, Findings> parse_profile(std::string_view text, const std::string& name,
                                                          const std::string& file,
                                                          const ProfileFinder& finder) {
  FindingCollector findings;
  findings.add_source(file, text.substr(0, scenario_bytes_max));
  if (text.size() > scenario_bytes_max) {
    findings.add({},
                 fmt::format("the file is larger than the {} of a profile", format_size(scenario_bytes_max)),
                 "is this a device profile?");
    return std::unexpected(findings.take());
  }
  if (const auto line = line_of_binary(text)) {
    findings.add({.source = 0, .line = *line, .column = 1}, "this is not a text file in UTF-8",
                 "a device profile is YAML; 'vhdlab list devices' shows the shipped ones");
    return std::unexpected(findings.take());
  }
  const auto root = read_document(text, {}, findings);
  std::optional<sim::DeviceProfile> profile;
  if (root && findings.empty()) {
    const Environment no_variables;
    Judge judge(findings, no_variables);
    profile = Reader(*root, judge, finder).read(name, summarize_scenario(text).question);
  }
  if (!findings.empty()) return std::unexpected(findings.take());
  return *std::move(profile);
}

std::expected<sim::DeviceProfile, Findings> ProfileLibrary::find(const std::string& name,
                                                                 const ProfileFinder& members) const {
  bool is_path = name.find('/') != std::string::npos || fs::path(name).extension() == ".yaml";
  // A file of that name, where no shipped device has it.
  if (!is_path && files_.exists(name))
    is_path = !library_folder_ ||
              !files_.exists((fs::path(*library_folder_) / "devices" / (name + ".yaml")).string());
  if (!is_path && !library_folder_) {
    return std::unexpected(one_finding(name, "the shipped devices are not where they belong",
                                       "install vhdlab again, or give the path of a profile"));
  }
  const std::string path =
      is_path ? name : (fs::path(*library_folder_) / "devices" / (name + ".yaml")).string();
  if (!files_.exists(path)) {
    std::vector<std::string> names;
    if (const auto entries = list()) {
      for (const Entry& entry : *entries)
        names.push_back(entry.name);
    }
    const std::vector<std::string_view> known(names.begin(), names.end());
    return std::unexpected(
        one_finding(name, fmt::format("there is no device {}", in_quotes(name)),
                    is_path ? "'vhdlab list devices' shows the shipped ones" : suggestion(name, known)));
  }
  const auto text = read_text(files_, path);
  if (!text) return std::unexpected(one_finding(path, text.error().message, text.error().hint));
  return parse_profile(*text, fs::path(path).stem().string(), path, members);
}

Result<std::vector<ProfileLibrary::Entry>> ProfileLibrary::list() const {
  if (!library_folder_) {
    return failure(ErrorKind::not_found, "library-not-found", "the shipped devices are not where they belong",
                   "install vhdlab again");
  }
  const fs::path folder = fs::path(*library_folder_) / "devices";
  std::vector<Entry> entries;
  for (const std::string& name : TRY(files_.list(folder.string()))) {
    const fs::path path = folder / name;
    if (path.extension() != ".yaml") continue;
    const std::string text = TRY(read_text(files_, path.string()));
    entries.push_back({path.stem().string(), path.string(), summarize_scenario(text).question});
  }
  return entries;
}

}  // namespace vhdlab::scenarios
