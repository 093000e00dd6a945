// A disk whose power can be cut: a file system in memory that keeps apart what is durable from what was only
// written, and can say for any moment every state the disk may be found in afterwards.
//
//   write, resize, punch_hole   ──► volatile ──flush()──► durable            (per file)
//   create, remove, rename      ──► volatile ──sync_folder()──► durable      (the whole name space)
//
// The model. A sector of 512 bytes is written whole or not at all. Of each sector changed since its file's
// last flush the disk holds the durable version or any one written since, whatever the others hold. The size
// of a file is the durable one or any it had since, independent of the sectors; a sector past the end it then
// has is lost, and a sector inside that was never written reads as zeros. Names change in the order of the
// calls: after a cut some first part of the changes since the last sync_folder has happened. flush() of a
// file does not make its name durable.
//
// Every state after a cut in the middle of a stretch between two barriers is also a state after a cut at the
// stretch's end (there the later changes simply did not happen), so looking at each barrier sees them all.
//
// Not in the model: sectors torn inside their 512 bytes, bytes that come back wrong, a device that lies about
// flush, old contents showing up in new space (file systems that journal sizes before data keep that away),
// and a sync_folder that makes one folder durable and leaves an older change of another behind. The shrinking
// of a file counts as writing zeros past the new end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/io/file_system.h"

namespace vhdlab::tests {

inline constexpr uint64_t device_sector_bytes = 512;

// One state of the disk after a cut: for each open question (a sector, a size, the names) how many of the
// changes waiting there have happened. 0 is none.
using Cut = std::vector<uint32_t>;

// Paths are compared after resolving "." and ".." in their text; every folder exists. Open files may
// be used from several threads, the disk itself from one. Open files keep the disk they belong to alive.
class PowerCutFileSystem final : public FileSystem {
 public:
  PowerCutFileSystem();
  ~PowerCutFileSystem() override;

  // Called before each flush of a file and each sync_folder that would make something durable: the moments to
  // look at the states a cut could leave. May open other disks; must not touch this one.
  void set_before_barrier(std::function<void()> before_barrier);

  // How many answers each open question has, all more than one. A Cut has one number below it for each.
  [[nodiscard]] std::vector<uint32_t> open_questions() const;

  // The disk as found after the cut: everything on it is durable, nothing is open.
  [[nodiscard]] std::unique_ptr<PowerCutFileSystem> after_cut(const Cut& cut) const;

  // The disk as the running program sees it, as a disk of its own on which everything is durable.
  [[nodiscard]] std::unique_ptr<PowerCutFileSystem> copy() const;

  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode,
                                                   CacheMode cache = CacheMode::buffered) override;
  [[nodiscard]] Result<std::unique_ptr<File>> create(const std::string& path,
                                                     CacheMode cache = CacheMode::buffered) override;
  [[nodiscard]] Result<bool> is_being_written(const std::string& path) override;
  [[nodiscard]] bool exists(const std::string& path) override;
  [[nodiscard]] Result<FileIdentity> identity(const std::string& path) override;
  [[nodiscard]] Result<EntryStatus> status(const std::string& path) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> sync_folder(const std::string& folder) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& folder) override;

 private:
  class Contents;
  class OpenFile;
  struct State;

  std::shared_ptr<State> state_;
};

}  // namespace vhdlab::tests
