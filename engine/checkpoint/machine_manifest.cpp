// The manifest as text:
//
//   vhdlab machine 1
//   name NAME
//   id GUID
//   host 2016
//   state off
//   limit 50
//   checkpoint GUID PARENT KIND STATE SECONDS NAME   (each, oldest first; "-" for no parent)
//   now-parent GUID
//   disk BASE-NAME                                   (each, with its files below it)
//   file NUMBER PARENT NAME                          (numbers count from 1; parent 0: a base)
//   frozen GUID NUMBER
//   now NUMBER
//   making NAME, removing NAME, exporting PATH       (each)
//   end CHECKSUM
//
// In names, '%' and control characters are written as %XX.
#include "engine/checkpoint/machine_manifest.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "engine/base/bytes.h"
#include "engine/base/units.h"
#include "engine/merge/record_file.h"

namespace vhdlab {
namespace {

constexpr std::string_view first_words = "vhdlab machine ";
constexpr std::string_view version = "1";
constexpr uint64_t manifest_size_max = 16 * mib;

std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte < 0x20 || byte == 0x7f || c == '%' ? fmt::format("%{:02X}", byte) : std::string(1, c);
  }
  return text;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string name;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      name += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 3 > text.size()) return std::nullopt;
    const char* begin = text.data() + i + 1;
    if (std::from_chars(begin, begin + 2, value, 16).ptr != begin + 2) return std::nullopt;
    name += static_cast<char>(value);
    i += 2;
  }
  return name;
}

// ---- Writing ----

std::string guid_or_none(const std::optional<Guid>& guid) {
  return guid ? guid->to_lower() : "-";
}

std::string disk_text(const std::string& base_name, const DiskFiles& disk) {
  std::string text = fmt::format("disk {}\n", escaped(base_name));
  std::map<std::string, size_t> number_of;
  for (const auto& [path, parent] : disk.parent_of)
    number_of.emplace(path, number_of.size() + 1);
  for (const auto& [path, parent] : disk.parent_of) {
    text += fmt::format("file {} {} {}\n", number_of.at(path), parent.empty() ? 0 : number_of.at(parent),
                        escaped(path));
  }
  for (const auto& [id, path] : disk.frozen)
    text += fmt::format("frozen {} {}\n", id.to_lower(), number_of.at(path));
  return text + fmt::format("now {}\n", number_of.at(disk.now));
}

// ---- Reading ----

bool read_guid_or_none(std::string_view text, std::optional<Guid>& guid) {
  if (text == "-") return true;
  return read_guid(text, guid.emplace());
}

template <typename Value>
bool read_word(std::optional<Value> found, Value& value) {
  if (found) value = *found;
  return found.has_value();
}

bool read_name(std::string_view text, std::string& name) {
  auto found = unescaped(text);
  if (!found || found->empty()) return false;
  name = *std::move(found);
  return true;
}

// Reads line after line into a manifest. Files are known by number until all of a disk's are read.
class Reader {
 public:
  bool line(std::string_view text) {
    const std::string_view word = take(text, ' ');
    if (word == "name") return read_name(text, manifest_.name);
    if (word == "id") return read_guid(text, manifest_.id);
    if (word == "host") return read_word(host_generation_of(text), manifest_.host);
    if (word == "state") return read_word(machine_state_of(text), manifest_.state);
    if (word == "limit") return read_number(text, manifest_.checkpoints_max);
    if (word == "checkpoint") return checkpoint(text);
    if (word == "now-parent") return read_guid_or_none(text, manifest_.tree.now_parent);
    if (word == "making") return read_name(text, manifest_.making.emplace_back());
    if (word == "removing") return read_name(text, manifest_.removing.emplace_back());
    if (word == "exporting") return read_name(text, manifest_.exporting.emplace_back());
    if (word == "disk") {
      if (!end_disk()) return false;
      manifest_.tree.disks.emplace_back();
      return read_name(text, manifest_.base_names.emplace_back());
    }
    if (manifest_.tree.disks.empty()) return false;
    if (word == "file") return file(text);
    if (word == "frozen") return frozen(text);
    if (word == "now") return read_file_number(text, manifest_.tree.disks.back().now);
    return false;
  }

  // Whether every number of the last disk's parents was one of its files.
  bool end_disk() {
    for (const auto& [path, parent] : parents_) {
      if (parent > names_.size()) return false;
      manifest_.tree.disks.back().parent_of[path] = parent == 0 ? "" : names_[parent - 1];
    }
    names_.clear();
    parents_.clear();
    return true;
  }

  MachineManifest& manifest() { return manifest_; }

 private:
  bool checkpoint(std::string_view text) {
    Checkpoint& checkpoint = manifest_.tree.checkpoints.emplace_back();
    return read_guid(take(text, ' '), checkpoint.id) &&
           read_guid_or_none(take(text, ' '), checkpoint.parent) &&
           read_word(checkpoint_kind_of(take(text, ' ')), checkpoint.kind) &&
           read_word(machine_state_of(take(text, ' ')), checkpoint.taken_while) &&
           read_number(take(text, ' '), checkpoint.taken_unix_seconds) && read_name(text, checkpoint.name);
  }

  bool file(std::string_view text) {
    size_t number = 0;
    size_t parent = 0;
    std::string name;
    if (!read_number(take(text, ' '), number) || !read_number(take(text, ' '), parent)) return false;
    if (number != names_.size() + 1 || !read_name(text, name)) return false;
    names_.push_back(name);
    return parents_.emplace(std::move(name), parent).second;
  }

  bool frozen(std::string_view text) {
    Guid id;
    std::string path;
    return read_guid(take(text, ' '), id) && read_file_number(text, path) &&
           manifest_.tree.disks.back().frozen.emplace(id, std::move(path)).second;
  }

  bool read_file_number(std::string_view text, std::string& path) {
    size_t number = 0;
    if (!read_number(text, number) || number == 0 || number > names_.size()) return false;
    path = names_[number - 1];
    return true;
  }

  MachineManifest manifest_;
  std::vector<std::string> names_;  // of the disk being read, by number - 1
  std::map<std::string, size_t> parents_;
};

// A manifest must not make this program touch what does not belong to the machine.
Result<void> check_paths(const MachineManifest& manifest, const std::string& where) {
  auto check = [&](const std::string& name) -> Result<void> {
    const bool is_plain = !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
    if (is_plain) return {};
    return failure(ErrorKind::damaged, "manifest-path",
                   fmt::format("{}: '{}' is not the name of a file in the machine's folder", where, name));
  };
  for (const DiskFiles& disk : manifest.tree.disks) {
    for (const auto& [path, parent] : disk.parent_of)
      TRY(check(path));
  }
  for (const auto* list : {&manifest.making, &manifest.removing}) {
    for (const std::string& path : *list)
      TRY(check(path));
  }
  for (const std::string& path : manifest.exporting) {
    if (path.ends_with(export_suffix)) continue;
    return failure(ErrorKind::damaged, "manifest-path",
                   fmt::format("{}: '{}' is not the name of an unfinished export", where, path));
  }
  return {};
}

}  // namespace

std::string manifest_path(const std::string& folder) {
  return (std::filesystem::path(folder) / "machine.vhdlab").string();
}

std::string machine_lock_path(const std::string& folder) {
  return manifest_path(folder) + ".lock";
}

std::string manifest_text(const MachineManifest& manifest) {
  std::string text = fmt::format("{}{}\nname {}\nid {}\nhost {}\nstate {}\nlimit {}\n", first_words, version,
                                 escaped(manifest.name), manifest.id.to_lower(), word_of(manifest.host),
                                 word_of(manifest.state), manifest.checkpoints_max);
  for (const Checkpoint& checkpoint : manifest.tree.checkpoints) {
    text +=
        fmt::format("checkpoint {} {} {} {} {} {}\n", checkpoint.id.to_lower(),
                    guid_or_none(checkpoint.parent), word_of(checkpoint.kind),
                    word_of(checkpoint.taken_while), checkpoint.taken_unix_seconds, escaped(checkpoint.name));
  }
  text += fmt::format("now-parent {}\n", guid_or_none(manifest.tree.now_parent));
  for (size_t i = 0; i < manifest.tree.disks.size(); ++i)
    text += disk_text(manifest.base_names[i], manifest.tree.disks[i]);
  for (const std::string& path : manifest.making)
    text += fmt::format("making {}\n", escaped(path));
  for (const std::string& path : manifest.removing)
    text += fmt::format("removing {}\n", escaped(path));
  for (const std::string& path : manifest.exporting)
    text += fmt::format("exporting {}\n", escaped(path));
  return sealed(std::move(text));
}

Result<MachineManifest> parse_manifest(std::string_view text, const std::string& where) {
  if (text.starts_with(first_words) && text.find('\n') != std::string_view::npos) {
    const std::string_view found = text.substr(first_words.size(), text.find('\n') - first_words.size());
    if (found != version) {
      return failure(ErrorKind::unsupported, "manifest-version",
                     fmt::format("{}: version {}, expected {}", where, found, version),
                     "use the program that wrote it, or a later one");
    }
  }
  const auto lines = unsealed(text);
  if (!lines) {
    return failure(
        ErrorKind::damaged, "manifest-checksum",
        fmt::format("{}: its checksum does not fit: it was cut short or altered", where),
        "bring back a copy of it; without one, remove it and let 'vhdlab vm adopt' read the disks");
  }
  Reader reader;
  std::string_view rest = *lines;
  take(rest, '\n');
  for (size_t number = 2; !rest.empty(); ++number) {
    const std::string_view line = take(rest, '\n');
    if (reader.line(line)) continue;
    return failure(ErrorKind::damaged, "manifest-malformed",
                   fmt::format("{}: line {} makes no sense: '{}'", where, number, escaped(line)));
  }
  if (!lines->starts_with(first_words) || !reader.end_disk() || reader.manifest().name.empty() ||
      reader.manifest().id.is_zero()) {
    return failure(ErrorKind::damaged, "manifest-malformed",
                   fmt::format("{}: a name, an id or a file's parent is missing", where));
  }
  TRY(check_paths(reader.manifest(), where));
  TRY_IN(where, check_tree(reader.manifest().tree));
  return std::move(reader.manifest());
}

Result<void> write_manifest(FileSystem& files, const std::string& folder, const MachineManifest& manifest) {
  return replace_record(files, manifest_path(folder), manifest_text(manifest));
}

Result<MachineManifest> read_manifest(FileSystem& files, const std::string& folder) {
  const std::string path = manifest_path(folder);
  if (!files.exists(path)) {
    return failure(
        ErrorKind::not_found, "machine-not-found", fmt::format("{}: no machine is here", folder),
        "make one with 'vhdlab vm create', or take in disks that are there with 'vhdlab vm adopt'");
  }
  const auto text = TRY(read_record(files, path, manifest_size_max));
  if (!text) {
    return failure(
        ErrorKind::damaged, "manifest-malformed",
        fmt::format("{}: larger than {}, as no manifest is", path, format_size(manifest_size_max)));
  }
  return parse_manifest(*text, path);
}

}  // namespace vhdlab
