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

/// Across the axis [mm].
struct Place {
  double x, y;
};

/// Shape of a cell across the axis: a convex polygon around its centre, or a sector of a ring around the axis.
class Outline {
 public:
  /// Polygon of corners relative to the cell's centre [mm], counter-clockwise.
  static Outline polygon(std::vector<Place> corners);

  /// Sector between two radii [mm] and two angles [rad].
  static Outline sector(double inner, double outer, double first, double last);

  /// Largest distance of the shape from its cell's centre [mm].
  double reach(const Place& centre) const;

  /// Length of the part of `from + t way` that lies inside, t within `part`.
  double share(const Place& centre, const Point& from, const Point& way, Interval part) const;

 private:
  /// What lies inside has normal_x x + normal_y y <= distance.
  struct Side {
    double normal_x, normal_y, distance;
  };

  bool around_axis_ = false;
  double inner_ = 0, outer_ = 0;  // of a sector
  std::vector<Place> corners_;
  std::vector<Side> sides_;
};

/// A cell that a step crosses, and the part of the step in it.
struct Share {
  std::size_t cell;
  double fraction;
};

/// Cells of a readout layer across the axis.
class Plane {
 public:
  /// Cells at `centres`, all with one outline or each with its own; throws Error where the numbers do not fit.
  Plane(std::vector<Place> centres, std::vector<Outline> outlines);

  /// nx times ny equal rectangles around the axis [mm], y fastest.
  static Plane rectangles(std::size_t nx, std::size_t ny, double width, double height);

  const std::vector<Place>& centres() const { return centres_; }

  /// Add the cells, counted from `start`, that `from + t way` crosses with t within `part`, and the length in each.
  void add_shares(const Point& from, const Point& way, Interval part, std::size_t start,
                  std::vector<Share>& shares) const;

 private:
  std::vector<Place> centres_;
  std::vector<Outline> outlines_;
  double reach_ = 0;                // largest of all cells
  std::vector<std::size_t> by_x_;   // cells by the x of their centres
};

/// A readout layer: its plane of cells, its first cell on the flat axis, and its depth range [mm].
struct Layer {
  std::size_t plane, start;
  double z_min, z_max;
};

/// Cells of a layer along one transverse axis: their width [mm], how many the layer has and how many are shown.
struct Axis {
  double width;
  std::int64_t grid, shown;
};

/// Cells of a layer that a window shows.
struct Window {
  Axis x, y;
};

/// Cells of a detector in the order of the flat cell axis, and the frame they live in.
class Cells {
 public:
  std::string frame = "detector";  ///< "detector", "shower" or "window"
  std::vector<Plane> planes;
  std::vector<Layer> layers;
  std::vector<Window> windows;   ///< of each layer, where the frame is "window"
  std::size_t centre_layer = 0;  ///< the layer whose hit cell the windows are centred on

  /// Read from the metadata of an exported model; throws Error, also for files of schema 1, which have no cells.
  static Cells parse(const std::string& json);

  /// Put a layer of a plane's cells behind the others, up to a depth [mm].
  void append(std::size_t plane, double z_max);

  /// Number of cells.
  std::size_t size() const;

  /// Centre of a cell [mm]; of a window that is centred on the axis, where the frame is "window".
  Point centre(std::size_t cell) const;

  /// Cells that a straight step crosses, in the frame of the cells [mm], each with its part of the step; parts outside
  /// all cells are left out. Throws Error where cells are windows.
  std::vector<Share> along(const Point& from, const Point& to) const;

  /// An incident as a source sees it: cells that follow the shower are the same all over the face.
  Incident asked(Incident incident) const;

  /// Whether every window of an incident lies on its layer's grid; true in other frames.
  bool hold(const Incident& incident) const;

  /// How far the windows of an incident lie from the axis, layer by layer [mm]; empty in other frames.
  std::vector<Place> shifts(const Incident& incident) const;
};

}  // namespace caloforge
