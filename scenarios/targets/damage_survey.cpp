// Damaging copies and looking what is left; see damage_survey.h.
#include "scenarios/targets/damage_survey.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "engine/base/bytes.h"
#include "scenarios/targets/substitute_file_system.h"

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t header_bytes = 1 * mib;  // MS-VHDX 2.2: the header section
constexpr std::string_view copy_name = "damaged-copy";

// A damaged copy of a file, for as long as this lives.
class DamagedCopy {
 public:
  DamagedCopy(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  DamagedCopy(const DamagedCopy&) = delete;
  DamagedCopy& operator=(const DamagedCopy&) = delete;
  ~DamagedCopy() {
    if (files_.exists(path_)) (void)files_.remove(path_);
  }

  Result<void> make(const std::string& original_path) {
    if (files_.exists(path_)) TRY(files_.remove(path_));
    const auto original = TRY(files_.open(original_path, OpenMode::read_only));
    const auto copy = TRY(files_.create(path_));
    const uint64_t size = TRY(original->size_bytes());
    TRY(copy->resize(size));
    TRY(copy->copy_from(*original, {0, size}, 0));
    const std::vector<std::byte> noise(std::min(size, header_bytes), std::byte{0x5a});
    return copy->write(0, noise);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  FileSystem& files_;
  std::string path_;
};

std::vector<RestorePoint> restore_points_of(const CheckpointTree& tree) {
  std::vector<RestorePoint> points;
  for (const Checkpoint& checkpoint : tree.checkpoints)
    points.emplace_back(checkpoint.id);
  points.emplace_back(restore_point_now);
  return points;
}

// Whose state the file froze.
std::string holder_of(const CheckpointTree& tree, const std::string& path) {
  for (const RestorePoint& point : restore_points_of(tree)) {
    if (chain_of(tree.disks[0], point).front() == path) return name_of(tree, point);
  }
  return {};
}

// Those further down first, and of one height those whose restore points are older.
std::vector<std::string> files_of(const CheckpointTree& tree) {
  std::vector<std::string> files;
  for (const RestorePoint& point : restore_points_of(tree)) {
    const auto chain = chain_of(tree.disks[0], point);
    for (auto file = chain.rbegin(); file != chain.rend(); ++file) {
      if (std::ranges::find(files, *file) == files.end()) files.push_back(*file);
    }
  }
  const auto height_of = [&](const std::string& file) {
    size_t height = 0;
    for (std::string at = tree.disks[0].parent_of.at(file); !at.empty(); at = tree.disks[0].parent_of.at(at))
      ++height;
    return height;
  };
  std::ranges::stable_sort(files, {}, height_of);
  return files;
}

}  // namespace

std::string name_of(const CheckpointTree& tree, const RestorePoint& point) {
  return point ? find_checkpoint(tree, *point)->name : "Now";
}

Result<reports::DamageTotals> damage_each_file_of(FileSystem& files, const std::string& folder,
                                                  const CheckpointTree& tree, DamageKind kind,
                                                  const TryRestorePoint& attempt,
                                                  const ForeseenLosses& foreseen,
                                                  const StepProgress& progress, const StopRequested& stop) {
  const auto path_of = [&](std::string_view name) { return (std::filesystem::path(folder) / name).string(); };
  reports::DamageTotals found;
  const auto names = files_of(tree);
  for (const std::string& name : names) {
    if (stop && stop()) return failure(ErrorKind::interrupted, "damage-interrupted", "stopped on request");
    if (progress) progress(found.files.size(), names.size());
    DamagedCopy copy(files, path_of(copy_name));
    if (kind == DamageKind::header) TRY(copy.make(path_of(name)));
    SubstituteFileSystem with_damage(files, path_of(name),
                                     kind == DamageKind::header ? std::optional(copy.path()) : std::nullopt);
    const auto lost = foreseen(name);
    reports::DamagedFile& file =
        found.files.emplace_back(reports::DamagedFile{.file = name, .holds = holder_of(tree, name)});
    for (const RestorePoint& point : restore_points_of(tree)) {
      const std::string point_name = name_of(tree, point);
      const auto why_lost = attempt(with_damage, point);
      const bool was_foreseen = std::ranges::find(lost, point) != lost.end();
      (why_lost ? file.lost : file.survived).push_back(point_name);
      if (why_lost && !was_foreseen)
        file.unforeseen.push_back(fmt::format("{}: lost, not foreseen: {}", point_name, *why_lost));
      if (!why_lost && was_foreseen)
        file.unforeseen.push_back(fmt::format("{}: survives, though its loss was foreseen", point_name));
    }
  }
  if (progress) progress(names.size(), names.size());
  return found;
}

}  // namespace vhdlab::scenarios
