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

/// Cells of a layer along one transverse axis: their width [mm], how many the layer has and how many are shown.
struct Axis {
  double width;
  std::int64_t grid, shown;
};

/// Cells of a layer that a window shows, on both transverse axes, and the first cell after them.
struct Window {
  Axis x, y;
  std::size_t end;
};

/// Cells of one layer by their edges: x and y [mm], or phi [rad] and r [mm]; the second axis is fastest.
struct Grid {
  double z_min, z_max;
  std::size_t start;  ///< first cell on the flat axis
  bool rings;
  std::vector<double> first, second;
};

/// A cell that a step crosses, and the part of the step in it.
struct Share {
  std::size_t cell;
  double fraction;
};

/// Cells of a detector: the frame they live in and their centres [mm] in the order of the flat cell axis.
struct Cells {
  std::string frame;  ///< "detector", "shower" or "window"
  std::vector<Point> centres;
  std::vector<Grid> grids;       ///< of each layer
  std::vector<Window> windows;   ///< of each layer, where the frame is "window"
  std::size_t centre_layer = 0;  ///< the layer whose hit cell the windows are centred on
  double centre_depth = 0;       ///< where that layer begins [mm]

  /// Build from the detector's TOML as caloforge writes it; throws Error.
  static Cells from_toml(const std::string& toml);

  /// Cells that a straight step crosses, in the frame of the cells [mm], each with its part of the step; a cell may come
  /// several times, and parts outside all cells are left out. Throws Error where cells are windows.
  std::vector<Share> along(const Point& from, const Point& to) const;

  /// An incident as a source sees it: cells that follow the shower are the same all over the face.
  Incident asked(Incident incident) const;

  /// Whether every window of an incident lies on its layer's grid; true in other frames.
  bool hold(const Incident& incident) const;

  /// How far the windows of an incident lie from the centre (z = 0), layer by layer [mm]; empty in other frames.
  std::vector<Point> shifts(const Incident& incident) const;
};

/// Where a host gets its showers from; one source serves several threads at once.
/// A host gives it the incidents as `cells().asked` returns them.
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
