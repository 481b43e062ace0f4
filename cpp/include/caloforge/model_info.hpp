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
  double low = 0, high = 0;
};

/// Range of the incidents a model was trained on: MeV, rad, mm.
struct Ranges {
  Interval energy, theta, phi, x, y;
};

/// Bounds of the incidents that a model accepts: the ranges with the tolerances that Python grants.
struct Limits : Ranges {
  double phi_above = 0;  ///< theta above which phi is compared [rad]

  /// phi, moved by whole turns to where its range starts unless it lies in the range.
  double turned(double angle) const;
};

/// What an exported model says of itself (metadata key `caloforge`).
struct ModelInfo {
  std::string name;
  std::string detector_name;
  std::size_t n_cells = 0;
  std::size_t noise = 0;  ///< standard normal values per shower
  double threshold = 0;   ///< cells below it read zero [MeV]
  std::vector<std::int64_t> pdgs;
  Ranges ranges;
  Limits limits;
  std::string digest;  ///< SHA-256 of the file, its own place taken as zeros; empty in files of older versions

  /// Read from the metadata's JSON text; throws Error where it is not a model of a known schema.
  static ModelInfo parse(const std::string& json);

  /// Why an incident is outside the training range, or an empty string.
  std::string outside(const Incident& incident) const;
};

}  // namespace caloforge
