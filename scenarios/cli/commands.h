// The commands, one namespace and one command_*.cpp each: what the table in main.cpp points to.
#pragma once

#include "scenarios/cli/command.h"

#define VHDLAB_COMMAND(name)                                                                     \
  namespace name {                                                                               \
  [[nodiscard]] CommandSyntax syntax();                                                          \
  [[nodiscard]] Result<ExitCode> run(const CommandContext& context, const Arguments& arguments); \
  }

namespace vhdlab::scenarios {

VHDLAB_COMMAND(run_command)
VHDLAB_COMMAND(check_command)
VHDLAB_COMMAND(list_command)
VHDLAB_COMMAND(report_command)
VHDLAB_COMMAND(compare_command)
VHDLAB_COMMAND(disk_create)
VHDLAB_COMMAND(disk_info)
VHDLAB_COMMAND(disk_chain)
VHDLAB_COMMAND(disk_map)
VHDLAB_COMMAND(disk_merge)
VHDLAB_COMMAND(disk_convert)
VHDLAB_COMMAND(disk_compact)
VHDLAB_COMMAND(disk_resize)
VHDLAB_COMMAND(disk_check)
VHDLAB_COMMAND(disk_repair)
VHDLAB_COMMAND(disk_relink)

}  // namespace vhdlab::scenarios

#undef VHDLAB_COMMAND
