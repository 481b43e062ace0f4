// host_probe cells CARD.json                 prints frame and cell centres
// host_probe window CARD.json THETA PHI X Y  prints whether the windows fit, and the centres of their cells
// host_probe along CARD.json X Y Z X Y Z ... prints the cells that steps between two points cross, and their parts
// host_probe open MODEL...                   opens every file, damaged or not, and counts those that open
// host_probe serve                           opens the files that standard input names, one a line
// host_probe read CARD.json...               reads every card, damaged or not, and counts those that make sense
// host_probe learned MODEL PDG ENERGY ID [X Y Z]   prints the shower as simulated for a particle at that point (seed 7)
#include <caloforge/shower_source.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace {

caloforge::Cells read_cells(const std::string& path) {
  std::ifstream file(path);
  return caloforge::Cells::parse({std::istreambuf_iterator<char>(file), {}});
}

void print_cells(const std::string& path) {
  const caloforge::Cells cells = read_cells(path);
  std::printf("%s\n", cells.frame.c_str());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const caloforge::Point p = cells.centre(i);
    std::printf("%.9g %.9g %.9g\n", p.x, p.y, p.z);
  }
}

void print_window(char** arguments) {
  const caloforge::Cells cells = read_cells(arguments[0]);
  const auto number = [&](int i) { return std::atof(arguments[i]); };
  const caloforge::Incident incident{1000, number(1), number(2), number(3), number(4), 0, 22, 0};
  std::printf("%d\n", cells.windows_fit(incident));
  const std::vector<caloforge::Place> shifts = cells.shifts(incident);
  std::size_t layer = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (layer + 1 < cells.layers.size() && i == cells.layers[layer + 1].start) ++layer;
    const caloforge::Point p = cells.centre(i);
    std::printf("%.9g %.9g %.9g\n", p.x + shifts[layer].x, p.y + shifts[layer].y, p.z);
  }
}

/// One line per step: cell and part, cell and part, ...
void print_shares(int n, char** arguments) {
  const caloforge::Cells cells = read_cells(arguments[0]);
  const auto point = [&](int i) {
    return caloforge::Point{std::atof(arguments[i]), std::atof(arguments[i + 1]), std::atof(arguments[i + 2])};
  };
  for (int i = 1; i + 5 < n; i += 6) {
    for (const caloforge::Share& share : cells.along(point(i), point(i + 3)))
      std::printf("%zu %.12g ", share.cell, share.fraction);
    std::printf("\n");
  }
}

void print_shower(const caloforge::ShowerSource& source, int n, char** arguments) {
  const auto number = [&](int i) { return i < n ? std::atof(arguments[i]) : 0.0; };
  const caloforge::Incident incident{number(1), 0, 0, number(3), number(4), number(5), std::atoll(arguments[0]),
                                     std::atoll(arguments[2])};
  for (const float energy : source.simulate({source.cells().for_source(incident)}, 7)) std::printf("%.9g\n", energy);
}

/// Number of files that `open` accepts without an Error; other exceptions end the program.
template <typename Open>
void print_good(int n, char** paths, Open open) {
  int good = 0;
  for (int i = 0; i < n; ++i) try {
      open(paths[i]);
      ++good;
    } catch (const caloforge::Error&) {
    }
  std::printf("%d of %d\n", good, n);
}

/// Result of opening a model through the C interface and simulating one shower.
std::string outcome_of(const std::string& path) {
  const std::unique_ptr<caloforge_model, void (*)(caloforge_model*)> model(caloforge_open(path.c_str(), ""),
                                                                          caloforge_close);
  if (!model) return std::string("refused: ") + caloforge_last_error();
  const caloforge::ModelInfo info = caloforge::ModelInfo::parse(caloforge_info(model.get()));
  const caloforge::Ranges& ranges = info.ranges;
  const caloforge_incident incident{ranges.energy.low, ranges.theta.low, ranges.phi.low, ranges.x.low, ranges.y.low, 0,
                                    info.pdgs.at(0), 0};
  std::vector<float> shower(info.n_cells);
  const auto done = caloforge_simulate(model.get(), 1, &incident, 1, nullptr, shower.data(), shower.size());
  return done < 0 ? "failed" : "read";
}

/// Open the file that each line of standard input names, and print the result.
void serve() {
  for (std::string path; std::getline(std::cin, path);) {
    std::string outcome = outcome_of(path);
    std::replace(outcome.begin(), outcome.end(), '\n', ' ');
    std::printf("%s\n", outcome.c_str());
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "cells" && argc == 3)
    print_cells(argv[2]);
  else if (verb == "window" && argc == 7)
    print_window(argv + 2);
  else if (verb == "along")
    print_shares(argc - 2, argv + 2);
  else if (verb == "learned" && (argc == 6 || argc == 9))
    print_shower(caloforge::LearnedShowers(argv[2]), argc - 3, argv + 3);
  else if (verb == "serve")
    serve();
  else if (verb == "open")
    print_good(argc - 2, argv + 2, [](const char* path) { caloforge::LearnedShowers{path}; });
  else if (verb == "read")
    print_good(argc - 2, argv + 2, [](const char* path) { read_cells(path); });
  else
    return 2;
  return 0;
} catch (const caloforge::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
