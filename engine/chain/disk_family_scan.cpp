// Walking the tree, then following the locators; see disk_family_scan.h.
#include "engine/chain/disk_family_scan.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "engine/base/endian.h"
#include "engine/chain/chain_open.h"
#include "engine/format/vhdx/layout.h"
#include "engine/io/paths.h"

namespace vhdlab {
namespace {

namespace fs = std::filesystem;

// How a merge names its record (engine/merge/merge_record.h, which is above this folder).
constexpr std::string_view merge_record_suffix = ".merge";

bool has_suffix(const std::string& path, std::initializer_list<std::string_view> suffixes) {
  std::string suffix = fs::path(path).extension().string();
  std::ranges::transform(suffix, suffix.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::find(suffixes, suffix) != suffixes.end();
}

Result<bool> begins_as_vhdx(File& file) {
  le64 signature;
  if (TRY(file.size_bytes()) < sizeof(signature)) return false;
  TRY(file.read(0, std::as_writable_bytes(std::span(&signature, 1))));
  return signature == vhdx::FileIdentifier::expected_signature;
}

class Scanner {
 public:
  Scanner(FileSystem& files, const FamilyScanOptions& options, RandomSource& random)
      : files_(files), options_(options), random_(random) {}

  Result<FamilyScan> run(const std::string& folder) {
    TRY(walk(folder, TRY(files_.list(folder)), 0));
    // A file's own name comes before links to it.
    for (const std::string& link : links_)
      TRY(look_at(link, true));
    std::ranges::sort(scan_.disks, {}, &DiskFacts::path);
    by_file_.clear();
    for (DiskIndex disk = 0; disk < scan_.disks.size(); ++disk)
      by_file_.emplace(scan_.disks[disk].file, disk);
    const size_t inside = scan_.disks.size();
    for (DiskIndex disk = 0; disk < scan_.disks.size(); ++disk) {  // grows by parents outside
      TRY(stop_or_go_on());
      if (disk > inside + options_.chain_depth_max) break;
      TRY(follow_parent(disk));
    }
    return std::move(scan_);
  }

 private:
  Result<void> stop_or_go_on() const {
    if (!options_.stop || !options_.stop()) return {};
    return failure(ErrorKind::interrupted, "family-interrupted", "the search was stopped");
  }

  Result<void> walk(const std::string& folder, const std::vector<std::string>& names, uint32_t depth) {
    ++scan_.folders;
    for (const std::string& name : names) {
      TRY(stop_or_go_on());
      if (++entries_ > options_.entries_max) return too_many("files and folders", options_.entries_max);
      const std::string path = (fs::path(folder) / name).string();
      const auto status = files_.status(path);
      if (!status) {
        pass_over(path, status.error().message);
        continue;
      }
      switch (status->kind) {
        case EntryKind::folder:
          TRY(walk_below(path, depth + 1));
          break;
        case EntryKind::file:
          TRY(look_at(path, false));
          break;
        case EntryKind::symbolic_link:
          links_.push_back(path);
          break;
        case EntryKind::other:
          ++scan_.other_files;
          break;
      }
    }
    return {};
  }

  Result<void> walk_below(const std::string& folder, uint32_t depth) {
    if (depth > options_.folder_depth_max) {
      pass_over(folder, fmt::format("more than {} folders deep", options_.folder_depth_max));
      return {};
    }
    const auto names = files_.list(folder);
    if (!names) {
      pass_over(folder, names.error().message);
      return {};
    }
    return walk(folder, *names, depth);
  }

  static std::unexpected<Error> too_many(std::string_view what, uint64_t limit) {
    return failure(ErrorKind::unsupported, "family-too-many",
                   fmt::format("the folder holds more than {} {}", limit, what),
                   "search its parts one by one");
  }

  void pass_over(const std::string& path, std::string reason) {
    // Messages begin with the path, which stands beside the reason already.
    if (reason.starts_with(path + ": ")) reason.erase(0, path.size() + 2);
    scan_.passed_over.push_back({path, std::move(reason)});
  }

  // One name of a file. What is no VHDX is counted; what should be one and is not is named.
  Result<void> look_at(const std::string& path, bool is_link) {
    const auto identity = files_.identity(path);
    if (identity) {
      if (const auto known = by_file_.find(*identity); known != by_file_.end()) {
        scan_.disks[known->second].other_names.push_back(path);
        return {};
      }
    }
    auto file = files_.open(path, OpenMode::read_only);
    if (!file) {
      if (is_link && file.error().fault == "file-not-regular") {
        pass_over(path, "a link to a folder, which is not followed");
      } else {
        pass_over(path, file.error().message);
      }
      return {};
    }
    const auto is_vhdx = begins_as_vhdx(**file);
    if (!is_vhdx) {
      pass_over(path, is_vhdx.error().message);
    } else if (*is_vhdx) {
      return add_disk(path, *std::move(file), false);
    } else if (has_suffix(path, {".vhdx", ".avhdx"})) {
      pass_over(path, "named like a VHDX, and does not begin as one");
    } else if (has_suffix(path, {".vhd", ".avhd"})) {
      pass_over(path, "the older VHD format, which is not read here");
    } else {
      ++scan_.other_files;
    }
    return {};
  }

  Result<void> add_disk(const std::string& path, std::unique_ptr<File> file, bool is_outside) {
    if (scan_.disks.size() >= options_.disks_max) return too_many("VHDX files", options_.disks_max);
    auto facts = read_facts(path, std::move(file));
    if (!facts) {
      pass_over(path, facts.error().message);
      return {};
    }
    facts->is_outside = is_outside;
    by_file_.emplace(facts->file, scan_.disks.size());
    scan_.disks.push_back(*std::move(facts));
    return {};
  }

  Result<DiskFacts> read_facts(const std::string& path, std::unique_ptr<File> file) {
    const auto image = TRY(vhdx::Image::open(std::move(file), OpenMode::read_only, random_));
    const vhdx::DiskMetadata& metadata = image->metadata();
    const auto status = files_.status(path);
    DiskFacts facts{
        .path = path,
        .other_names = {},
        .file = TRY(files_.identity(path)),
        .identity = image->header().data_write_guid,
        .virtual_disk_id = metadata.virtual_disk_id,
        .disk_size_bytes = metadata.disk_size_bytes,
        .block_size_bytes = metadata.block_size_bytes,
        .sector_size_bytes = metadata.logical_sector_size_bytes,
        .file_size_bytes = TRY(image->file().size_bytes()),
        .allocated_bytes = TRY(image->file().allocated_bytes()),
        .modified_unix_s = status ? status->modified_unix_s : 0,
        .is_fixed = metadata.leave_blocks_allocated,
        .is_log_dirty = image->log_was_dirty(),
        .is_outside = false,
        .has_unfinished_merge = files_.exists(path + std::string(merge_record_suffix)),
        .parent = {},
    };
    if (metadata.parent) facts.parent = ParentFacts{.locator = *metadata.parent};
    return facts;
  }

  // Finds the parent as opening the chain would; one that is not among the disks yet is outside.
  Result<void> follow_parent(DiskIndex disk) {
    if (!scan_.disks[disk].parent) return {};
    ParentFacts parent = *scan_.disks[disk].parent;
    const std::string child_path = scan_.disks[disk].path;
    parent.sought = vhdx::parent_path_candidates(parent.locator, absolute_folder_of(child_path));
    if (auto path = find_parent(files_, child_path, parent.locator)) {
      parent.path = *std::move(path);
      TRY(find_parent_disk(parent));
    }
    scan_.disks[disk].parent = std::move(parent);
    return {};
  }

  Result<void> find_parent_disk(ParentFacts& parent) {
    const auto identity = files_.identity(parent.path);
    if (!identity) {
      parent.problem = identity.error().message;
      return {};
    }
    if (!by_file_.contains(*identity)) {
      auto file = files_.open(parent.path, OpenMode::read_only);
      if (!file) {
        parent.problem = file.error().message;
        return {};
      }
      auto facts = read_facts(parent.path, *std::move(file));
      if (!facts) {
        parent.problem = facts.error().message;
        return {};
      }
      if (scan_.disks.size() >= options_.disks_max) return too_many("VHDX files", options_.disks_max);
      facts->is_outside = true;
      by_file_.emplace(facts->file, scan_.disks.size());
      scan_.disks.push_back(*std::move(facts));
    }
    parent.disk = by_file_.at(*identity);
    parent.path = scan_.disks[*parent.disk].path;
    return {};
  }

  FileSystem& files_;
  const FamilyScanOptions& options_;
  RandomSource& random_;
  FamilyScan scan_;
  uint64_t entries_ = 0;
  std::vector<std::string> links_;
  std::map<FileIdentity, DiskIndex> by_file_;
};

}  // namespace

Result<FamilyScan> scan_families(FileSystem& files, const std::string& folder,
                                 const FamilyScanOptions& options, RandomSource& random) {
  return Scanner(files, options, random).run(folder);
}

}  // namespace vhdlab
