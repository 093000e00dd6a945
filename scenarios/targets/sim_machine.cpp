// A machine without guest data; see sim_machine.h.
#include "scenarios/targets/sim_machine.h"

#include <limits>

#include "engine/chain/chain_open.h"

namespace vhdlab::scenarios {
namespace {

const std::string folder = "/machine";

}  // namespace

Result<std::unique_ptr<SimMachine>> SimMachine::make(const DiskSettings& disk, uint64_t seed,
                                                     const std::string& base_name, uint32_t base_number,
                                                     sim::RequestSink& sink, sim::FileAccount account) {
  std::unique_ptr<SimMachine> made(new SimMachine(seed, sink, std::move(account)));
  const std::string base_path = folder + "/" + base_name;
  made->files_.expect(base_path, base_number);
  const vhdx::DiskMetadata metadata{.disk_size_bytes = disk.size_bytes,
                                    .block_size_bytes = disk.block_size_bytes,
                                    .logical_sector_size_bytes = disk.logical_sector_size_bytes,
                                    .physical_sector_size_bytes = disk.physical_sector_size_bytes,
                                    .leave_blocks_allocated = disk.type == DiskType::fixed,
                                    .virtual_disk_id = Guid::make_random(made->random_)};
  TRY(create_disk(made->files_, base_path, metadata, made->random_));
  MachineManifest manifest{.name = "lab", .id = Guid::make_random(made->random_)};
  manifest.checkpoints_max = std::numeric_limits<uint32_t>::max();  // how many are too many is to be measured
  manifest.base_names = {base_name_of(base_name)};
  manifest.tree.disks = {{.parent_of = {{base_name, ""}}, .frozen = {}, .now = base_name}};
  made->machine_ = TRY(Machine::put_in_order(made->files_, folder, std::move(manifest), made->random_));
  made->machine_->set_block_size_of_new_files(disk.block_size_bytes);
  return made;
}

Result<Guid> SimMachine::act(CheckpointAction action, const std::string& checkpoint) {
  if (action == CheckpointAction::take) return machine_->take_checkpoint({.name = checkpoint});
  const Guid id = TRY(find_checkpoint_by_word(machine_->tree(), checkpoint));
  switch (action) {
    case CheckpointAction::apply:
      TRY(machine_->apply(id));
      break;
    case CheckpointAction::remove:
      TRY(machine_->delete_checkpoint(id));
      break;
    default:
      TRY(machine_->delete_subtree(id));
  }
  return id;
}

}  // namespace vhdlab::scenarios
