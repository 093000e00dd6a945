// Writes the seeds of each target to FOLDER/TARGET/NAME, for tools/fuzz to begin with.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/seeds.h"

int main(int argument_count, char** arguments) {
  if (argument_count != 2) {
    std::fputs("usage: write_seeds FOLDER\n", stderr);
    return 2;
  }
  for (const auto& target : vhdlab::fuzz::targets) {
    const auto folder = std::filesystem::path(arguments[1]) / target.name;
    std::filesystem::create_directories(folder);
    for (const auto& seed : vhdlab::fuzz::seeds_of(target.name)) {
      std::ofstream file(folder / seed.name, std::ios::binary);
      file.write(reinterpret_cast<const char*>(seed.bytes.data()),
                 static_cast<std::streamsize>(seed.bytes.size()));
      if (!file.flush()) {
        std::perror((folder / seed.name).c_str());
        return 1;
      }
    }
  }
  return 0;
}
