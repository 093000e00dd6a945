// Device profiles as files: YAML read with the scenario language's own care, every wrong number with its
// line, a caret and a hint. The first comment line says what the device is; below, every number has its
// source.
//
//   # An NVMe drive for data centres.
//   device: ssd
//   capacity: 3.5TiB
//   read: 60us            # ...
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/file_system.h"
#include "scenarios/language/finding.h"
#include "sim/device/profile.h"

namespace vhdlab::scenarios {

// Finds a profile by its name; `members` finds what it names in turn.
class ProfileFinder {
 public:
  virtual ~ProfileFinder() = default;
  [[nodiscard]] virtual std::expected<sim::DeviceProfile, Findings> find(
      const std::string& name, const ProfileFinder& members) const = 0;
};

// `name` becomes the profile's, `file` names the text in findings.
[[nodiscard]] std::expected<sim::DeviceProfile, Findings> parse_profile(std::string_view text,
                                                                        const std::string& name,
                                                                        const std::string& file,
                                                                        const ProfileFinder& finder);

// The shipped profiles, devices/NAME.yaml below the library, and profiles given by their path.
class ProfileLibrary final : public ProfileFinder {
 public:
  // `library_folder` is that of the shipped scenarios; absent where they are not installed.
  ProfileLibrary(FileSystem& files, std::optional<std::string> library_folder)
      : files_(files), library_folder_(std::move(library_folder)) {}

  // `name` is a shipped one's, or a path where it has a '/', ends in .yaml, or no shipped one is called so
  // and a file is.
  std::expected<sim::DeviceProfile, Findings> find(const std::string& name,
                                                   const ProfileFinder& members) const override;
  [[nodiscard]] std::expected<sim::DeviceProfile, Findings> find(const std::string& name) const {
    return find(name, *this);
  }

  struct Entry {
    std::string name;
    std::string path;
    std::string summary;
  };
  // Sorted by name. Faults: library-not-found, those of listing and reading.
  [[nodiscard]] Result<std::vector<Entry>> list() const;

 private:
  FileSystem& files_;
  std::optional<std::string> library_folder_;
};

}  // namespace vhdlab::scenarios
