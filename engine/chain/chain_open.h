// From a path to a chain: opens a disk, then its parents one after the other through their locators, checking
// each one's identity; makes new disks and checkpoints. Every way a chain can be broken has a name:
//
//   chain-parent-missing     no file at any path the locator gives
//   chain-parent-mismatch    there is one, and it is not the disk the child was made from, or it has changed
//   chain-loop               a file is its own ancestor
//   chain-too-deep           more layers than asked for
//   chain-sector-size        a child's logical sector size differs from its parent's
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/chain.h"
#include "engine/format/vhdx/image.h"
#include "engine/io/file_system.h"
#include "engine/layer/vhdx_layer.h"

namespace vhdlab {

enum class DiskFormat { automatic, vhdx, raw };

// Holds one table page of each of 4096 layers: enough to fill in a map of any chain that opens, and to go
// once from its beginning to its end, without reading a table page of an unfragmented region twice.
inline constexpr uint64_t tables_of_one_pass_bytes = 16 * mib;

// Half of what Linux allows a process by default, 65,530: the rest is for mapped files and for memory.
inline constexpr size_t mappings_of_one_chain_max = 32'768;

struct ChainOpenOptions {
  OpenMode mode = OpenMode::read_only;  // for the leaf; parents are always read-only
  CacheMode cache = CacheMode::buffered;
  DiskFormat format = DiskFormat::automatic;  // VHDX by its signature, else refused
  LayerIndex depth_max = 4096;
  bool ignore_id_mismatch = false;
  ResolveMode resolve = ResolveMode::walk;
  // Limit of table pages in memory, for all layers together. Without one a walk keeps them all, and an index,
  // which needs them only until it knows a region, keeps tables_of_one_pass_bytes.
  std::optional<uint64_t> metadata_cache_bytes;
  std::optional<uint64_t> index_memory_bytes;  // limit of the index's runs; regions not used lately make room
  // How many runs of files CacheMode::mapped maps side by side where there is an index (chain_window.h).
  size_t mappings_max = mappings_of_one_chain_max;
};

// Opens the disk at `path` and all its ancestors. `files` and `random` must outlive the chain.
[[nodiscard]] Result<Chain> open_chain(FileSystem& files, const std::string& path,
                                       const ChainOpenOptions& options, RandomSource& random);

// Opens one VHDX file alone, without its parents. Its table pages are kept in `tables`, where given. Faults:
// disk-being-written (opened read-only, and somebody else was seen changing it), those of vhdx::Image::open.
[[nodiscard]] Result<std::unique_ptr<VhdxLayer>> open_vhdx(
    FileSystem& files, const std::string& path, OpenMode mode, CacheMode cache, RandomSource& random,
    vhdx::WriteIntent intent = vhdx::WriteIntent::guest_visible,
    std::shared_ptr<MetadataCache> tables = nullptr);

// Makes a new disk file; nothing is left behind on failure. Faults: file-exists and those of
// vhdx::Image::create.
[[nodiscard]] Result<void> create_disk(FileSystem& files, const std::string& path,
                                       const vhdx::DiskMetadata& metadata, RandomSource& random);

// What may differ between a child and its parent; zero means the usual.
struct ChildOptions {
  uint32_t block_size_bytes = 0;  // usual: 2 MiB
  uint64_t disk_size_bytes = 0;   // usual: the parent's
};

// Makes a differencing disk at `child_path` over the disk at `parent_path`, which must be cleanly readable
// and stays as it is. Faults: as create_disk.
[[nodiscard]] Result<void> create_child(FileSystem& files, const std::string& parent_path,
                                        const std::string& child_path, const ChildOptions& options,
                                        RandomSource& random);

// Takes a checkpoint of a chain open for writing: closes its leaf, puts a new differencing disk at
// `child_path` on it and makes that the leaf. On failure the chain can only be read.
[[nodiscard]] Result<void> take_checkpoint(FileSystem& files, Chain& chain, const std::string& child_path,
                                           const ChildOptions& options, CacheMode cache,
                                           RandomSource& random);

// Where the parent of the VHDX at `child_path` is, by its locator, whether or not its identity fits.
// Faults: chain-parent-missing.
[[nodiscard]] Result<std::string> find_parent(FileSystem& files, const std::string& child_path,
                                              const vhdx::ParentLocator& locator);

// The VHDX files in `folder` whose parent, by locator, is one of the files at `parent_paths`; each file is
// looked into once. Files that cannot be read as VHDX are passed over.
[[nodiscard]] Result<std::vector<std::string>> find_children(FileSystem& files, const std::string& folder,
                                                             const std::vector<std::string>& parent_paths,
                                                             RandomSource& random);

}  // namespace vhdlab
