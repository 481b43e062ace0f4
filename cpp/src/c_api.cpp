#include <caloforge/caloforge.h>
#include <caloforge/simulator.hpp>

#include <exception>
#include <new>
#include <string>

struct caloforge_model {
  caloforge::Simulator simulator;
};

namespace {

thread_local std::string last_error;

/// Call `work`; if it throws, store the message as last error and return `failed`.
template <typename Result, typename Work>
Result guarded(Result failed, Work work) noexcept {
  try {
    last_error.clear();
    return work();
  } catch (const std::bad_alloc&) {
    last_error.assign("out of memory");
  } catch (const std::exception& error) {
    last_error.assign(error.what());
  } catch (...) {
    last_error.assign("unknown failure");
  }
  return failed;
}

}  // namespace

caloforge_model* caloforge_open(const char* path, const char* options) {
  return guarded<caloforge_model*>(nullptr, [&] {
    if (!path) throw caloforge::Error("no path was given");
    return new caloforge_model{caloforge::Simulator(path, caloforge::Options::parse(options ? options : ""))};
  });
}

const char* caloforge_info(const caloforge_model* model) {
  return guarded<const char*>("", [&] {
    if (!model) throw caloforge::Error("no model was given");
    return model->simulator.info_json().c_str();
  });
}

int64_t caloforge_simulate(caloforge_model* model, size_t n, const caloforge_incident* incidents, uint64_t seed,
                           const float* noise, float* showers, size_t size) {
  return guarded<int64_t>(-1, [&] {
    if (!model || (n && (!incidents || !showers))) throw caloforge::Error("a null pointer was given");
    const size_t cells = model->simulator.info().n_cells;
    if (n && (size / cells != n || size % cells))
      throw caloforge::Error(std::to_string(n) + " showers need " + std::to_string(cells) +
                             " cells each, not a buffer of " + std::to_string(size));
    if (noise)
      model->simulator.simulate_with_noise(incidents, n, noise, showers);
    else
      model->simulator.simulate(incidents, n, seed, showers);
    return static_cast<int64_t>(cells);
  });
}

const char* caloforge_last_error(void) { return last_error.c_str(); }

void caloforge_close(caloforge_model* model) {
  guarded<int>(0, [&] {
    delete model;
    return 0;
  });
}
