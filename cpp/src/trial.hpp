#pragma once

#include <caloforge/simulator.hpp>

#include <string>

namespace caloforge {

/// Let a separate process, `caloforge/caloforge_trial` beside this library, open a model and call it, since runtimes
/// may crash, hang or take all memory for some graphs. Throws Error if the process rejects the file, crashes, exceeds
/// a limit, or cannot be started.
void try_in_child(const std::string& path, const Options& options);

constexpr int trial_seconds = 10;                   // largest CPU time
constexpr std::size_t trial_memory = 512ull << 20;  // largest memory [bytes]
constexpr std::size_t trial_memory_per_byte = 8;    // additional memory per byte of the file [bytes]
constexpr const char* trial_passed = "passed";      // output of the process for a file that opens and runs

}  // namespace caloforge
