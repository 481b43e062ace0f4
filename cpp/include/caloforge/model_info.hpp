#pragma once

#include <caloforge/caloforge.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace caloforge {

using Incident = caloforge_incident;

/// Closed interval.
struct Interval {
  double low, high;
};

/// Range of the incidents a model was trained on: MeV, rad, mm.
struct Ranges {
  Interval energy, theta, phi, x, y;
};

/// What an exported model says of itself (metadata key `caloforge`).
struct ModelInfo {
  std::string name;
  std::string detector_name;
  std::string detector_toml;
  std::size_t n_cells;
  std::size_t noise;  ///< standard normal values per shower
  double threshold;   ///< cells below it read zero [MeV]
  std::vector<std::int64_t> pdgs;
  Ranges ranges;
  bool python_only;  ///< needs a loop outside the graph
  std::string digest;  ///< SHA-256 of the file, its own place taken as zeros; empty in files of older versions

  /// Read from the metadata's JSON text; throws Error where it is not a model of a known schema.
  static ModelInfo parse(const std::string& json);

  /// Why an incident is outside the training range, or an empty string.
  std::string outside(const Incident& incident) const;
};

/// phi, or phi +- 2 pi if only that lies in the range.
double phi_within(double phi, const Interval& range);

}  // namespace caloforge
