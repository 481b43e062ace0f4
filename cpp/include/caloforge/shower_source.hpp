#pragma once

#include <caloforge/error.hpp>
#include <caloforge/model_info.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace caloforge {

struct Point {
  double x, y, z;
};

/// Cells of a detector: the frame they live in and their centres [mm] in the order of the flat cell axis.
struct Cells {
  std::string frame;  ///< "detector", "shower" or "window"
  std::vector<Point> centres;

  /// Build from the detector's TOML as caloforge writes it; throws Error.
  static Cells from_toml(const std::string& toml);
};

/// Where a host gets its showers from; one source serves several threads at once.
class ShowerSource {
 public:
  virtual ~ShowerSource() = default;
  virtual const Cells& cells() const = 0;

  /// Whether the incident can be simulated; the others are left to Geant4's tracking.
  virtual bool accepts(const Incident& incident) const = 0;

  /// Cell energies [MeV] of the incidents, row after row; throws Error.
  virtual std::vector<float> simulate(const std::vector<Incident>& incidents, std::uint64_t seed) const = 0;
};

/// A trained network, reached through the plain C interface.
class LearnedShowers : public ShowerSource {
 public:
  /// Open an exported ONNX file; `options` as in caloforge_open.
  explicit LearnedShowers(const std::string& path, const std::string& options = {});
  ~LearnedShowers() override;
  LearnedShowers(const LearnedShowers&) = delete;
  LearnedShowers& operator=(const LearnedShowers&) = delete;

  const Cells& cells() const override { return cells_; }
  bool accepts(const Incident& incident) const override { return info_.outside(incident).empty(); }
  std::vector<float> simulate(const std::vector<Incident>& incidents, std::uint64_t seed) const override;

 private:
  caloforge_model* model_;
  ModelInfo info_;
  Cells cells_;
};

/// Stored showers played back, event k (one shower per event) playing row k: tests placement and hits without a
/// network. A folder of showers.npy (N, cells) float32, incident_energies.npy (N,) or (N, 1) float64,
/// incident_pdg.npy (N,) int32 and detector.toml.
class ReplayShowers : public ShowerSource {
 public:
  explicit ReplayShowers(const std::string& folder);

  const Cells& cells() const override { return cells_; }
  bool accepts(const Incident&) const override { return true; }
  std::vector<float> simulate(const std::vector<Incident>& incidents, std::uint64_t seed) const override;

 private:
  std::size_t row_of(const Incident& incident) const;

  std::string folder_;
  Cells cells_;
  std::vector<float> showers_;
  std::vector<double> energies_;
  std::vector<std::int32_t> pdgs_;
};

/// Showers of an event are named event_id * event_stride + k.
constexpr std::int64_t event_stride = std::int64_t{1} << 20;

}  // namespace caloforge
