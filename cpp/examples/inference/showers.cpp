// showers MODEL.onnx PDG ENERGY_MEV N simulates N showers of one energy, and prints their mean energy and the time.
#include <caloforge/simulator.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>

int main(int argc, char** argv) try {
  if (argc != 5) return std::fprintf(stderr, "usage: showers MODEL.onnx PDG ENERGY_MEV N\n"), 2;
  const caloforge::Simulator simulator(argv[1]);
  const auto n = static_cast<std::size_t>(std::atoll(argv[4]));
  std::vector<caloforge::Incident> incidents(n);
  for (std::size_t i = 0; i < n; ++i)
    incidents[i] = {std::atof(argv[3]), 0, 0, 0, 0, 0, std::atoll(argv[2]), static_cast<std::int64_t>(i)};
  const auto start = std::chrono::steady_clock::now();
  const std::vector<float> cells = simulator.simulate(incidents, 42);
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  const double sum = std::accumulate(cells.begin(), cells.end(), 0.0);
  std::printf("%s: mean %.3f MeV in %zu cells, %.3f ms per shower\n", simulator.info().name.c_str(), sum / n,
              simulator.info().n_cells, time.count() / n);
} catch (const caloforge::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
