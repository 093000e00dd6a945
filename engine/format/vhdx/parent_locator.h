// What a differencing disk remembers of its parent: the parent's DataWriteGuid when the child was made (its
// identity) and the paths under which it was known. The identity decides whether a file is the parent; the
// paths only say where to look ([MS-VHDX] 2.6.2.6.3).
//
// Keys and order as Windows writes them: parent_linkage, absolute_win32_path, relative_path, volume_path,
// parent_linkage2.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/guid.h"

namespace vhdlab::vhdx {

struct ParentLocator {
  Guid linkage;  // the parent's DataWriteGuid
  // A second identity that is accepted too, while a merge changes the first; zero: none.
  std::optional<Guid> linkage2;
  std::string relative_path;        // ".\base.vhdx", from the child's folder
  std::string volume_path;          // "\\?\Volume{...}\disks\base.vhdx"
  std::string absolute_win32_path;  // "C:\disks\base.vhdx"

  // Whether a file with this DataWriteGuid is the parent.
  [[nodiscard]] bool accepts(const Guid& data_write_guid) const {
    return data_write_guid == linkage || (linkage2 && !linkage2->is_zero() && data_write_guid == *linkage2);
  }

  friend bool operator==(const ParentLocator&, const ParentLocator&) = default;
};

// The item's bytes, read and checked: untrusted counts, offsets and text. `file` is for messages.
// Faults: vhdx-locator-type, vhdx-locator-malformed, vhdx-locator-missing-linkage.
[[nodiscard]] Result<ParentLocator> parse_parent_locator(Bytes item, std::string_view file);

// The item's bytes as Windows writes them. Empty paths are left out. Faults: vhdx-locator-too-long,
// utf8-malformed.
[[nodiscard]] Result<std::vector<std::byte>> serialize_parent_locator(const ParentLocator& locator);

// A locator for a child in `child_folder` over the parent at `parent_path` (both absolute host paths):
// backslashes for folders, the relative path beginning with ".\".
[[nodiscard]] ParentLocator make_parent_locator(const Guid& linkage, const std::string& child_folder,
                                                const std::string& parent_path);

// Where on this host the parent may be, best first: the relative path from the child's folder, then the
// volume path's and the absolute path's folders with drive or volume taken away, then the parent's bare name
// beside the child.
[[nodiscard]] std::vector<std::string> parent_path_candidates(const ParentLocator& locator,
                                                              const std::string& child_folder);

}  // namespace vhdlab::vhdx
