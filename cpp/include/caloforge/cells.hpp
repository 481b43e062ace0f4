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

/// Transverse position [mm].
struct Place {
  double x, y;
};

/// Transverse shape of a cell: a convex polygon around its centre, or a sector of a ring around the axis.
class Outline {
 public:
  /// Polygon of corners relative to the cell's centre [mm], counter-clockwise.
  static Outline polygon(std::vector<Place> corners);

  /// Sector between two radii [mm] and two angles [rad].
  static Outline sector(double inner, double outer, double first, double last);

  /// Largest distance of the shape from its cell's centre [mm].
  double reach(const Place& centre) const;

  /// Length of the interval of t within `part` in which `from + t way` is inside.
  double share(const Place& centre, const Point& from, const Point& way, Interval part) const;

 private:
  /// Half plane of the points inside: normal_x x + normal_y y <= distance.
  struct Side {
    double normal_x, normal_y, distance;
  };

  bool around_axis_ = false;
  double inner_ = 0, outer_ = 0;  // radii of a sector
  std::vector<Place> corners_;
  std::vector<Side> sides_;
};

/// A cell that a step crosses, and the fraction of the step in it.
struct Share {
  std::size_t cell;
  double fraction;
};

/// Transverse cells of a readout layer.
class Plane {
 public:
  /// Cells at `centres`, with one outline for all or one for each; throws Error if the numbers do not fit.
  Plane(std::vector<Place> centres, std::vector<Outline> outlines);

  /// nx times ny equal rectangles around the axis [mm], y fastest.
  static Plane rectangles(std::size_t nx, std::size_t ny, double width, double height);

  const std::vector<Place>& centres() const { return centres_; }

  /// Add the cells, counted from `start`, that `from + t way` crosses for t within `part`, and the length in each.
  void add_shares(const Point& from, const Point& way, Interval part, std::size_t start,
                  std::vector<Share>& shares) const;

 private:
  std::vector<Place> centres_;
  std::vector<Outline> outlines_;
  double reach_ = 0;                // largest reach of all cells
  std::vector<std::size_t> by_x_;   // cells in order of the x of their centres
};

/// A readout layer: its plane of cells, its first cell on the flat axis, and its depth range [mm].
struct Layer {
  std::size_t plane, start;
  double z_min, z_max;
};

/// Cells of a layer along one transverse axis: their width [mm], their number in the grid and in the window.
struct Axis {
  double width;
  std::int64_t grid, shown;
};

/// Cells of a layer in its window.
struct Window {
  Axis x, y;
};

/// Cells of a detector in the order of the flat cell axis, and their frame.
class Cells {
 public:
  std::string frame = "detector";  ///< "detector", "shower" or "window"
  std::vector<Plane> planes;
  std::vector<Layer> layers;
  std::vector<Window> windows;   ///< window of each layer, if the frame is "window"
  std::size_t centre_layer = 0;  ///< the layer whose hit cell is the centre of the windows

  /// Read the cells from the metadata of an exported model; throws Error, also for files of schema 1 without cells.
  static Cells parse(const std::string& json);

  /// Add a layer with the cells of a plane behind the others, up to a depth [mm].
  void append(std::size_t plane, double z_max);

  /// Number of cells.
  std::size_t size() const;

  /// Centre of a cell [mm]; in the frame "window", that of a window centred on the axis.
  Point centre(std::size_t cell) const;

  /// Cells that a straight step crosses, in the frame of the cells [mm], each with its fraction of the step; parts
  /// outside all cells are left out. Throws Error in the frame "window".
  std::vector<Share> along(const Point& from, const Point& to) const;

  /// The incident for a source: in the frame "shower" cells do not depend on the entry point, which becomes x = y = 0.
  Incident for_source(Incident incident) const;

  /// Whether every window of an incident is within its layer's grid; true in other frames.
  bool windows_fit(const Incident& incident) const;

  /// Distances of an incident's windows from the axis, layer by layer [mm]; empty in other frames.
  std::vector<Place> shifts(const Incident& incident) const;
};

}  // namespace caloforge
