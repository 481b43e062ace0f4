// caloforge_trial MODEL OPTIONS opens a model under limits of time and memory and calls it, before a host does.
// It prints "passed", or the reason why the model is rejected, or nothing if the runtime crashes.
#include "trial.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <new>

#include <sys/resource.h>
#include <unistd.h>
#if defined(__linux__)
#include <malloc.h>
#include <sched.h>
#endif

namespace {

using caloforge::trial_memory;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;  // sanitizers map terabytes; their limit is ASAN_OPTIONS=hard_rss_limit_mb=...
#else
constexpr bool sanitized = false;
#endif

void limit(int kind, rlim_t value) {
  rlimit limits;
  if (getrlimit(kind, &limits)) return;
  limits.rlim_cur = std::min(value, limits.rlim_cur);
  setrlimit(kind, &limits);
}

/// Largest memory [bytes] for opening a file and calling it.
rlim_t memory_for(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const rlim_t size = file ? static_cast<rlim_t>(file.tellg()) : 0;
  return trial_memory + caloforge::trial_memory_per_byte * size;
}

/// Use one core and one pool of memory, so that the limit means the same on every machine.
void limit_memory(const std::string& path) {
#if defined(__linux__)
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(std::max(sched_getcpu(), 0), &one);
  sched_setaffinity(0, sizeof one, &one);
  mallopt(M_ARENA_MAX, 1);
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t held = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
  if (held && !sanitized) limit(RLIMIT_AS, held + memory_for(path));
#endif
}

bool tells_of_memory(const std::string& text) {
  return text.find("alloc") != std::string::npos || text.find("memory") != std::string::npos;
}

/// Simulate one shower, then three; errors of the calls are ignored, unless memory is exhausted.
void call(const caloforge::Simulator& model) {
  const caloforge::Ranges& in = model.info().ranges;
  std::vector<caloforge::Incident> incidents;
  for (const double energy : {in.energy.low, in.energy.high, in.energy.low})
    incidents.push_back({energy, in.theta.low, in.phi.low, in.x.low, in.y.low, 0,
                         model.info().pdgs.empty() ? 0 : model.info().pdgs.front(),
                         static_cast<std::int64_t>(incidents.size())});
  try {
    model.simulate({incidents.front()}, 0);
    model.simulate(incidents, 0);
  } catch (const caloforge::Error& error) {
    if (tells_of_memory(error.what())) throw std::bad_alloc();
  }
}

std::string outcome(const std::string& path, const std::string& words) {
  std::string said = "out of memory";
  try {
    call(caloforge::Simulator(path, caloforge::Options::parse(words + " trial=skip")));
    return caloforge::trial_passed;
  } catch (const caloforge::Error& error) {
    said = std::string(error.what()).substr(path.size() + 2);  // the host adds the path
  } catch (const std::bad_alloc&) {
  } catch (const std::exception& error) {
    said = error.what();
  }
  return tells_of_memory(said) ? "it needs over " + std::to_string(memory_for(path) >> 20) + " MiB of memory" : said;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, caloforge::trial_seconds);
  limit_memory(argv[1]);
  std::fputs(outcome(argv[1], argv[2]).c_str(), stdout);
  std::fflush(stdout);
  _exit(0);  // the end of the runtime is not part of the trial
}
