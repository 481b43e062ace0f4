#pragma once

#include <caloforge/simulator.hpp>

#include <string>

namespace caloforge {

/// Let a process of its own, `caloforge/caloforge_trial` beside this library, open a model and call it: runtimes crash
/// on some graphs, never return from others, and take all the memory there is for a third kind. Throws Error where the
/// process refuses the file, crashes, passes a limit, or cannot be started.
void try_in_child(const std::string& path, const Options& options);

constexpr int trial_seconds = 10;                   // of CPU time
constexpr std::size_t trial_memory = 512ull << 20;  // bytes, and
constexpr std::size_t trial_memory_per_byte = 8;    // so many more per byte of the file
constexpr const char* trial_passed = "passed";      // what the process says of a file that opens and runs

}  // namespace caloforge
