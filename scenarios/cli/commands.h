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
VHDLAB_COMMAND(calibrate_command)
VHDLAB_COMMAND(plan_command)
VHDLAB_COMMAND(disk_create)
VHDLAB_COMMAND(disk_info)
VHDLAB_COMMAND(disk_chain)
VHDLAB_COMMAND(disk_family)
VHDLAB_COMMAND(disk_map)
VHDLAB_COMMAND(disk_merge)
VHDLAB_COMMAND(disk_convert)
VHDLAB_COMMAND(disk_compact)
VHDLAB_COMMAND(disk_resize)
VHDLAB_COMMAND(disk_check)
VHDLAB_COMMAND(disk_repair)
VHDLAB_COMMAND(disk_relink)
VHDLAB_COMMAND(disk_write)
VHDLAB_COMMAND(vm_create)
VHDLAB_COMMAND(vm_tree)
VHDLAB_COMMAND(vm_adopt)
VHDLAB_COMMAND(vm_check)
VHDLAB_COMMAND(vm_checkpoint)
VHDLAB_COMMAND(vm_apply)
VHDLAB_COMMAND(vm_delete)
VHDLAB_COMMAND(vm_delete_subtree)
VHDLAB_COMMAND(vm_rename)
VHDLAB_COMMAND(vm_export)
VHDLAB_COMMAND(vm_merge)
VHDLAB_COMMAND(vm_risk)
VHDLAB_COMMAND(vm_start)
VHDLAB_COMMAND(vm_stop)
VHDLAB_COMMAND(vm_remove)

}  // namespace vhdlab::scenarios

#undef VHDLAB_COMMAND
