// Parent locator text and paths; the rules are in parent_locator.h and [MS-VHDX] 2.6.2.6.
#include "engine/format/vhdx/parent_locator.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "engine/base/utf16.h"
#include "engine/format/vhdx/faults.h"
#include "engine/format/vhdx/layout.h"

namespace vhdlab::vhdx {
namespace {

using Entries = std::map<std::string, std::string>;

Result<std::string> text_at(Bytes item, uint64_t offset, uint64_t length, std::string_view file) {
  if (offset > item.size() || length > item.size() - offset) {
    return fault_in(
        file, Fault::locator_malformed,
        fmt::format("text at {:#x}, length {:#x}; the locator has {:#x} bytes", offset, length, item.size()));
  }
  auto text = utf8_from_utf16le(item.subspan(offset, length));
  if (!text) return fault_in(file, Fault::locator_malformed, text.error().message);
  return text;
}

Result<Entries> read_entries(Bytes item, std::string_view file) {
  ParentLocatorHeader header;
  if (item.size() < sizeof(header)) {
    return fault_in(file, Fault::locator_malformed,
                    fmt::format("{} bytes, expected at least {}", item.size(), sizeof(header)));
  }
  std::memcpy(&header, item.data(), sizeof(header));
  if (header.type != ParentLocatorHeader::vhdx_type) {
    return fault_in(file, Fault::locator_type,
                    fmt::format("found type {}, expected {}", header.type.to_lower(),
                                ParentLocatorHeader::vhdx_type.to_lower()));
  }
  const size_t count = header.entry_count;
  if (count * sizeof(ParentLocatorEntry) > item.size() - sizeof(header)) {
    return fault_in(file, Fault::locator_malformed,
                    fmt::format("{} entries do not fit its {} bytes", count, item.size()));
  }
  Entries entries;
  for (size_t i = 0; i < count; ++i) {
    ParentLocatorEntry entry;
    std::memcpy(&entry, item.data() + sizeof(header) + i * sizeof(entry), sizeof(entry));
    std::string key = TRY(text_at(item, entry.key_offset, entry.key_length, file));
    std::string value = TRY(text_at(item, entry.value_offset, entry.value_length, file));
    if (!entries.emplace(key, std::move(value)).second) {
      return fault_in(file, Fault::locator_malformed, fmt::format("key '{}' stands twice", key));
    }
  }
  return entries;
}

std::string with_backslashes(std::string path) {
  std::ranges::replace(path, '/', '\\');
  return path;
}

std::string with_slashes(std::string path) {
  std::ranges::replace(path, '\\', '/');
  return path;
}

// "C:\a\b" -> "/a/b"; "\\?\Volume{guid}\a\b" -> "/a/b"; "\a\b" -> "/a/b".
std::string without_drive(std::string_view win32_path) {
  constexpr std::string_view device_prefix = R"(\\?\)";
  if (win32_path.starts_with(device_prefix)) win32_path.remove_prefix(device_prefix.size());
  const size_t folder = win32_path.find('\\');
  const bool has_drive = folder != 0 && folder != std::string_view::npos &&
                         (win32_path[folder - 1] == ':' || win32_path.starts_with("Volume{"));
  if (has_drive) win32_path.remove_prefix(folder);
  return with_slashes(std::string(win32_path));
}

}  // namespace

Result<ParentLocator> parse_parent_locator(Bytes item, std::string_view file) {
  Entries entries = TRY(read_entries(item, file));
  ParentLocator locator;
  const auto linkage = entries.find("parent_linkage");
  if (linkage == entries.end()) {
    return fault_in(file, Fault::locator_missing_linkage, "no 'parent_linkage' key");
  }
  auto parsed = Guid::parse(linkage->second);
  if (!parsed) return fault_in(file, Fault::locator_missing_linkage, parsed.error().message);
  locator.linkage = *parsed;
  if (const auto linkage2 = entries.find("parent_linkage2"); linkage2 != entries.end()) {
    if (auto second = Guid::parse(linkage2->second)) locator.linkage2 = *second;
  }
  locator.relative_path = entries["relative_path"];
  locator.volume_path = entries["volume_path"];
  locator.absolute_win32_path = entries["absolute_win32_path"];
  return locator;
}

Result<std::vector<std::byte>> serialize_parent_locator(const ParentLocator& locator) {
  std::vector<std::pair<std::string, std::string>> entries = {
      {"parent_linkage", locator.linkage.to_braced()},
      {"absolute_win32_path", locator.absolute_win32_path},
      {"relative_path", locator.relative_path},
      {"volume_path", locator.volume_path},
      {"parent_linkage2", locator.linkage2.value_or(Guid{}).to_braced()},
  };
  std::erase_if(entries, [](const auto& entry) { return entry.second.empty(); });

  std::vector<std::byte> item(sizeof(ParentLocatorHeader) + entries.size() * sizeof(ParentLocatorEntry));
  const ParentLocatorHeader header{ParentLocatorHeader::vhdx_type, 0, static_cast<uint16_t>(entries.size())};
  std::memcpy(item.data(), &header, sizeof(header));
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto key = TRY(utf16le_from_utf8(entries[i].first));
    auto converted = utf16le_from_utf8(entries[i].second);
    if (!converted) {
      converted.error().hint = "a VHDX keeps its parent's path as Unicode: rename that file or its folder";
      return std::unexpected(std::move(converted).error().in(entries[i].second));
    }
    const std::vector<std::byte> value = *std::move(converted);
    if (value.size() > std::numeric_limits<uint16_t>::max()) {
      return fault_in(entries[i].second, Fault::locator_too_long,
                      fmt::format("{} bytes, expected at most 65535", value.size()), "choose a shorter path");
    }
    ParentLocatorEntry entry;
    entry.key_offset = static_cast<uint32_t>(item.size());
    entry.key_length = static_cast<uint16_t>(key.size());
    item.insert(item.end(), key.begin(), key.end());
    entry.value_offset = static_cast<uint32_t>(item.size());
    entry.value_length = static_cast<uint16_t>(value.size());
    item.insert(item.end(), value.begin(), value.end());
    std::memcpy(item.data() + sizeof(header) + i * sizeof(entry), &entry, sizeof(entry));
  }
  return item;
}

ParentLocator make_parent_locator(const Guid& linkage, const std::string& child_folder,
                                  const std::string& parent_path) {
  std::string relative = std::filesystem::path(parent_path).lexically_relative(child_folder).string();
  if (!relative.starts_with("..")) relative = "./" + relative;
  return {.linkage = linkage,
          .linkage2 = Guid{},
          .relative_path = with_backslashes(std::move(relative)),
          .volume_path = {},
          .absolute_win32_path = with_backslashes(parent_path)};
}

std::vector<std::string> parent_path_candidates(const ParentLocator& locator,
                                                const std::string& child_folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> candidates;
  auto add = [&](const fs::path& path) {
    std::string text = path.lexically_normal().string();
    if (std::ranges::find(candidates, text) == candidates.end()) candidates.push_back(std::move(text));
  };
  const fs::path folder(child_folder);
  if (!locator.relative_path.empty()) add(folder / with_slashes(locator.relative_path));
  for (const std::string* path : {&locator.volume_path, &locator.absolute_win32_path}) {
    if (!path->empty()) add(without_drive(*path));
  }
  for (const std::string* path :
       {&locator.relative_path, &locator.volume_path, &locator.absolute_win32_path}) {
    if (!path->empty()) add(folder / fs::path(with_slashes(*path)).filename());
  }
  return candidates;
}

}  // namespace vhdlab::vhdx
