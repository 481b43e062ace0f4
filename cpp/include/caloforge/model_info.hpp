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

/// Ranges of a model's training incidents [MeV, rad, mm].
struct Ranges {
  Interval energy, theta, phi, x, y;
};

/// Bounds of the incidents that a model accepts: the ranges with the same tolerances as in Python.
struct Limits : Ranges {
  double phi_above = 0;  ///< theta above which phi is compared [rad]

  /// phi if it is in the range; otherwise phi moved by full circles into the one that begins at the range.
  double wrapped(double angle) const;
};

/// Metadata of an exported model (key `caloforge`).
struct ModelInfo {
  std::string name;
  std::string detector_name;
  std::size_t n_cells = 0;
  std::size_t noise = 0;  ///< standard normal values per shower
  double threshold = 0;   ///< energy below which cells read zero [MeV]
  std::vector<std::int64_t> pdgs;
  Ranges ranges;
  Limits limits;
  std::string digest;  ///< SHA-256 of the file with zeros in the digest's place; empty in files of older versions

  /// Read the metadata from JSON text; throws Error if it is not a model of a known schema.
  static ModelInfo parse(const std::string& json);

  /// The reason why an incident is outside the training range; empty if it is inside.
  std::string outside(const Incident& incident) const;
};

}  // namespace caloforge
