// Performs a stream of operations on a chain and times each one. A worker keeps some operations in flight: it
// claims the next number of the stream, submits that operation and collects what has completed.
//
//   psync, mapped    jobs x queue_depth workers, one operation in flight each: nobody hands work to anybody,
//                    so the only cost measured is the engine's and the device's
//   io_uring         jobs workers, queue_depth operations in flight each, in a ring of its own
//
// Each worker sees its chain through an engine/chain/chain_queue.h, with or without an I/O queue below it;
// everything else is the same for every kind.
#pragma once

#include <cstdint>

#include "engine/chain/chain.h"
#include "scenarios/targets/pause_gate.h"
#include "scenarios/targets/target.h"
#include "scenarios/workload/content_ledger.h"
#include "scenarios/workload/operation_stream.h"

namespace vhdlab::scenarios {

// What the writes of a step leave behind: content of this seed and generation, noted in the ledger.
struct WrittenContent {
  uint64_t seed = 0;
  uint32_t generation = 0;
  ContentLedger& ledger;
};

// Everything of PerformOutcome but the traffic per file and the metadata, which the caller reads off its
// files.
struct ChainOutcome {
  PerformOutcome outcome;
  uint64_t layers_probed = 0;
  uint64_t table_lookups = 0;  // of reads and writes: table pages looked at
  uint64_t table_reads = 0;    // those among them that were not in memory
  Nanoseconds last_due{0};     // arrivals only: of the last operation begun, counted from the beginning
};

// Faults: perform-interrupted, those of Chain::read, write and flush; io-uring-unsupported; the first one met
// ends every worker.
[[nodiscard]] Result<ChainOutcome> perform_on_chain(Chain& chain, const OperationStream& stream,
                                                    WrittenContent content, const PerformSettings& settings,
                                                    const StepProgress& progress, const StopRequested& stop);

// The same through a gate, which may change the chain between operations and ends the workload. An operation
// that the gate holds up counts its latency from when it would have begun.
[[nodiscard]] Result<ChainOutcome> perform_through_gate(PauseGate& gate, const OperationStream& stream,
                                                        WrittenContent content,
                                                        const PerformSettings& settings,
                                                        const StopRequested& stop);

}  // namespace vhdlab::scenarios
