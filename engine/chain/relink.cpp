// Checking a new parent and writing it into the child; see relink.h.
#include "engine/chain/relink.h"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/io/paths.h"

namespace vhdlab {
namespace {

std::unexpected<Error> loop(const std::string& child_path, const std::string& parent_path) {
  return failure(ErrorKind::mismatch, "chain-loop",
                 fmt::format("{}: it is itself among the ancestors of {}", child_path, parent_path),
                 "give a file that does not stand on this one");
}

// Follows the parents of the new parent down; what is missing or broken there cannot be the child.
Result<void> check_no_loop(FileSystem& files, const std::string& child_path, const std::string& parent_path,
                           LayerIndex depth_max, RandomSource& random) {
  const FileIdentity child = TRY(files.identity(child_path));
  std::set<FileIdentity> seen;
  for (std::string at = parent_path;;) {
    const auto identity = files.identity(at);
    if (!identity) return {};
    if (*identity == child || !seen.insert(*identity).second) return loop(child_path, parent_path);
    if (seen.size() > depth_max) {
      return failure(ErrorKind::unsupported, "chain-too-deep",
                     fmt::format("{}: more than {} layers", parent_path, depth_max),
                     "merge some of its layers");
    }
    const auto layer = open_vhdx(files, at, OpenMode::read_only, CacheMode::buffered, random);
    if (!layer) return {};
    const auto& locator = (*layer)->image().metadata().parent;
    if (!locator) return {};
    auto next = find_parent(files, at, *locator);
    if (!next) return {};
    at = *std::move(next);
  }
}

// The locator the child shall have. `child` and `parent` are open for reading.
Result<vhdx::ParentLocator> locator_for(VhdxLayer& child, VhdxLayer& parent, bool ignore_id_mismatch) {
  const auto& before = child.image().metadata().parent;
  if (!before) {
    return failure(ErrorKind::invalid_argument, "disk-has-no-parent",
                   child.path() + ": only a differencing disk can be given a parent");
  }
  if (child.sector_size_bytes() != parent.sector_size_bytes()) {
    return failure(ErrorKind::mismatch, "chain-sector-size",
                   fmt::format("{}: its logical sectors are {} bytes, those of {} are {}", child.path(),
                               child.sector_size_bytes(), parent.path(), parent.sector_size_bytes()),
                   "a child inherits its parent's sector size: this is not its parent");
  }
  const Guid& identity = parent.image().header().data_write_guid;
  const bool fits = before->accepts(identity);
  if (!fits && !ignore_id_mismatch) {
    return failure(
        ErrorKind::mismatch, "chain-parent-mismatch",
        fmt::format("{}: {} is not the disk it was made from, or was written to since: found identity {}, "
                    "expected {}",
                    child.path(), parent.path(), identity.to_lower(), before->linkage.to_lower()),
        "find the original parent; if you are sure of the content, use --ignore-id-mismatch");
  }
  vhdx::ParentLocator locator = vhdx::make_parent_locator(fits ? before->linkage : identity,
                                                          absolute_folder_of(child.path()), parent.path());
  if (fits) locator.linkage2 = before->linkage2;
  return locator;
}

}  // namespace

Result<RelinkOutcome> relink(FileSystem& files, const std::string& child_path, const std::string& parent_path,
                             const RelinkOptions& options, RandomSource& random) {
  const std::string child_at = absolute_path(child_path);
  const std::string parent_at = absolute_path(parent_path);
  if (TRY(files.identity(child_at)) == TRY(files.identity(parent_at))) return loop(child_path, parent_path);

  // Everything is looked at read-only first: opening for writing would replay the child's log.
  vhdx::ParentLocator locator;
  Guid linkage_before;
  {
    const auto child = TRY(open_vhdx(files, child_at, OpenMode::read_only, CacheMode::buffered, random));
    const auto parent = TRY(open_vhdx(files, parent_at, OpenMode::read_only, CacheMode::buffered, random));
    locator = TRY(locator_for(*child, *parent, options.ignore_id_mismatch));
    linkage_before = child->image().metadata().parent->linkage;
  }
  TRY(check_no_loop(files, child_at, parent_at, options.depth_max, random));

  const auto child = TRY(open_vhdx(files, child_at, OpenMode::read_write, CacheMode::buffered, random,
                                   vhdx::WriteIntent::same_content));
  TRY(child->image().set_parent(locator));
  TRY(child->close());
  return RelinkOutcome{
      .parent_path = parent_at, .linkage_before = linkage_before, .linkage_after = locator.linkage};
}

}  // namespace vhdlab
