// Opening and making chains; see chain_open.h.
#include "engine/chain/chain_open.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/base/endian.h"
#include "engine/format/vhdx/layout.h"
#include "engine/io/paths.h"
#include "engine/layer/raw_layer.h"

namespace vhdlab {
namespace {

std::unexpected<Error> disk_being_written(const std::string& path, const Error& seen) {
  return failure(
      ErrorKind::in_use, "disk-being-written",
      fmt::format("{}: another program is writing to it, and was seen in the middle of a change ({})", path,
                  seen.message),
      "look again, or when the other program is done");
}

Result<bool> is_vhdx(File& file) {
  le64 signature;
  if (TRY(file.size_bytes()) < sizeof(signature)) return false;
  TRY(file.read(0, std::as_writable_bytes(std::span(&signature, 1))));
  return signature == vhdx::FileIdentifier::expected_signature;
}

Result<void> check_identity(VhdxLayer& child, VhdxLayer& parent) {
  const vhdx::ParentLocator& locator = *child.image().metadata().parent;
  const Guid& found = parent.image().header().data_write_guid;
  if (locator.accepts(found)) return {};
  return failure(
      ErrorKind::mismatch, "chain-parent-mismatch",
      fmt::format(
          "{}: its parent {} is not the disk it was made from, or was written to since: found identity "
          "{}, expected {}",
          child.path(), parent.path(), found.to_lower(), locator.linkage.to_lower()),
      "bring back the original parent; if you are sure of the content, use --ignore-id-mismatch");
}

Result<void> check_sector_size(const Layer& child, const Layer& parent) {
  if (child.sector_size_bytes() == parent.sector_size_bytes()) return {};
  return failure(
      ErrorKind::mismatch, "chain-sector-size",
      fmt::format("{}: its logical sectors are {} bytes, those of its parent {} are {}", child.path(),
                  child.sector_size_bytes(), parent.path(), parent.sector_size_bytes()),
      "a child inherits its parent's sector size: this is not its parent");
}

// Opens the leaf in the format asked for; a raw disk is a whole chain by itself.
Result<std::unique_ptr<RawLayer>> open_raw(FileSystem& files, const std::string& path,
                                           const ChainOpenOptions& options) {
  return RawLayer::open(path, TRY(files.open(path, options.mode, options.cache)));
}

}  // namespace

Result<std::unique_ptr<VhdxLayer>> open_vhdx(FileSystem& files, const std::string& path, OpenMode mode,
                                             CacheMode cache, RandomSource& random, vhdx::WriteIntent intent,
                                             std::shared_ptr<MetadataCache> tables) {
  auto file = TRY(files.open(path, mode, cache));
  auto image = vhdx::Image::open(std::move(file), mode, random, intent, std::move(tables));
  if (!image) {
    // Its structures change together; seen one after the other while they do, they need not agree.
    const bool is_changing = mode == OpenMode::read_only && image.error().kind == ErrorKind::damaged &&
                             files.is_being_written(path).value_or(false);
    return is_changing ? disk_being_written(path, image.error()) : std::unexpected(image.error());
  }
  return std::make_unique<VhdxLayer>(path, *std::move(image));
}

Result<Chain> open_chain(FileSystem& files, const std::string& path, const ChainOpenOptions& options,
                         RandomSource& random) {
  std::vector<std::unique_ptr<Layer>> layers;  // leaf first, until the base is found
  if (options.format == DiskFormat::raw) {
    layers.push_back(TRY(open_raw(files, path, options)));
    return Chain(std::move(layers), options.resolve);
  }

  auto tables_limit = options.metadata_cache_bytes;
  if (!tables_limit && options.resolve == ResolveMode::index) tables_limit = tables_of_one_pass_bytes;
  const auto tables = std::make_shared<MetadataCache>(tables_limit);
  std::set<FileIdentity> seen;
  VhdxLayer* child = nullptr;
  for (std::string at = absolute_path(path);;) {
    if (layers.size() > options.depth_max) {
      return failure(ErrorKind::unsupported, "chain-too-deep",
                     fmt::format("{}: more than {} layers", path, options.depth_max),
                     "merge some of its layers");
    }
    if (!seen.insert(TRY(files.identity(at))).second) {
      return failure(ErrorKind::damaged, "chain-loop",
                     fmt::format("{}: it is its own ancestor, through {}", at, path),
                     "one of the parent locators is wrong: give the right parent with 'vhdlab disk relink'");
    }
    const OpenMode mode = child == nullptr ? options.mode : OpenMode::read_only;
    auto layer =
        TRY(open_vhdx(files, at, mode, options.cache, random, vhdx::WriteIntent::guest_visible, tables));
    if (child != nullptr) {
      TRY(check_sector_size(*child, *layer));
      if (!options.ignore_id_mismatch) TRY(check_identity(*child, *layer));
    }
    child = layer.get();
    layers.push_back(std::move(layer));
    const auto& parent = child->image().metadata().parent;
    if (!parent) break;
    at = TRY(find_parent(files, at, *parent));
  }
  std::ranges::reverse(layers);
  Chain chain(std::move(layers), options.resolve, tables, options.index_memory_bytes);
  if (options.cache == CacheMode::mapped) chain.read_mapped(options.mappings_max);
  return chain;
}

Result<void> create_disk(FileSystem& files, const std::string& path, const vhdx::DiskMetadata& metadata,
                         RandomSource& random) {
  auto file = TRY(files.create(path));
  auto created = vhdx::Image::create(*file, metadata, random);
  file.reset();
  if (!created) {
    (void)files.remove(path);  // the error that made it useless is the one to tell
    return created;
  }
  return files.sync_folder(absolute_folder_of(path));
}

Result<void> create_child(FileSystem& files, const std::string& parent_path, const std::string& child_path,
                          const ChildOptions& options, RandomSource& random) {
  const auto parent = TRY(open_vhdx(files, parent_path, OpenMode::read_only, CacheMode::buffered, random));
  vhdx::DiskMetadata metadata = parent->image().metadata();
  metadata.leave_blocks_allocated = false;
  metadata.block_size_bytes =
      options.block_size_bytes != 0 ? options.block_size_bytes : vhdx::default_differencing_block_size_bytes;
  if (options.disk_size_bytes != 0) metadata.disk_size_bytes = options.disk_size_bytes;
  metadata.parent = vhdx::make_parent_locator(parent->image().header().data_write_guid,
                                              absolute_folder_of(child_path), absolute_path(parent_path));
  return create_disk(files, child_path, metadata, random);
}

Result<void> take_checkpoint(FileSystem& files, Chain& chain, const std::string& child_path,
                             const ChildOptions& options, CacheMode cache, RandomSource& random) {
  TRY(chain.close());
  TRY(create_child(files, chain.leaf().path(), child_path, options, random));
  chain.push(TRY(open_vhdx(files, child_path, OpenMode::read_write, cache, random,
                           vhdx::WriteIntent::guest_visible, chain.metadata_cache())));
  return {};
}

Result<std::string> find_parent(FileSystem& files, const std::string& child_path,
                                const vhdx::ParentLocator& locator) {
  const auto candidates = vhdx::parent_path_candidates(locator, absolute_folder_of(child_path));
  for (const std::string& candidate : candidates) {
    if (files.exists(candidate)) return candidate;
  }
  return failure(
      ErrorKind::not_found, "chain-parent-missing",
      fmt::format("{}: its parent is missing: looked for {}", child_path, fmt::join(candidates, ", ")),
      "bring the parent back, or say where it is now with 'vhdlab disk relink'");
}

Result<std::vector<std::string>> find_children(FileSystem& files, const std::string& folder,
                                               const std::vector<std::string>& parent_paths,
                                               RandomSource& random) {
  std::set<FileIdentity> parents;
  for (const std::string& path : parent_paths)
    parents.insert(TRY(files.identity(path)));
  std::vector<std::string> children;
  for (const std::string& name : TRY(files.list(folder))) {
    const std::string path = (std::filesystem::path(folder) / name).string();
    auto file = files.open(path, OpenMode::read_only);
    if (!file) continue;  // a folder, a pipe, or not ours to read
    const auto signed_vhdx = is_vhdx(**file);
    if (!signed_vhdx || !*signed_vhdx) continue;
    const auto image = vhdx::Image::open(*std::move(file), OpenMode::read_only, random);
    if (!image || !(*image)->metadata().has_parent()) continue;
    const auto its_parent = find_parent(files, path, *(*image)->metadata().parent);
    if (!its_parent) continue;
    const auto identity = files.identity(*its_parent);
    if (identity && parents.contains(*identity)) children.push_back(path);
  }
  return children;
}

}  // namespace vhdlab
