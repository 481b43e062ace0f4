#include "text.hpp"

#include <caloforge/shower_source.hpp>

#include <cmath>
#include <locale>
#include <sstream>

namespace caloforge {

namespace {

constexpr double pi = 3.14159265358979323846;
constexpr std::size_t most_cells = 10'000'000;

/// Length [mm] from text such as "5.0 mm".
double length(const Value& value, const char* what) {
  std::istringstream stream(value.as_string(what));
  stream.imbue(std::locale::classic());
  double number = 0;
  std::string unit;
  if (stream >> number >> unit && std::isfinite(number))
    for (const auto& [name, scale] : {std::pair{"um", 1e-3}, {"mm", 1.0}, {"cm", 10.0}, {"m", 1000.0}})
      if (unit == name) return number * scale;
  throw Error(std::string("'") + what + "' is not a length: " + value.string);
}

std::size_t count(const Value& table, const char* key) {
  const Value* value = table.find(key);
  const std::int64_t number = value ? value->as_integer(key) : 1;
  if (number < 1 || number > 10'000) throw Error(std::string("'") + key + "' is not 1 to 10000");
  return static_cast<std::size_t>(number);
}

/// Cells along both axes of a layer.
struct Shape {
  std::size_t first, second;
};

Shape read_shape(const Value& cells, const char* key = "n") {
  const std::vector<Value>& n = cells.at(key).as_array(key);
  if (n.size() != 2) throw Error(std::string("'") + key + "' is not two numbers");
  const std::int64_t first = n[0].as_integer(key), second = n[1].as_integer(key);
  if (first < 1 || second < 1 || first > 10'000 || second > 10'000)
    throw Error(std::string("'") + key + "' is not 1 to 10000");
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(second)};
}

Point read_size(const Value& cells) {
  const std::vector<Value>& size = cells.at("size").as_array("size");
  if (size.size() != 2) throw Error("'size' is not two lengths");
  return {length(size[0], "size"), length(size[1], "size"), 0};
}

std::vector<Point> cartesian(const Value& cells, const Shape& n) {
  const Point size = read_size(cells);
  std::vector<Point> centres;
  for (std::size_t i = 0; i < n.first; ++i)
    for (std::size_t j = 0; j < n.second; ++j)
      centres.push_back({size.x * (i + 0.5 - n.first / 2.0), size.y * (j + 0.5 - n.second / 2.0), 0});
  return centres;
}

std::vector<double> ring_edges(const Value& cells, std::size_t rings) {
  std::vector<double> edges;
  if (const Value* list = cells.find("r_edges")) {
    for (const Value& edge : list->as_array("r_edges")) edges.push_back(length(edge, "r_edges"));
  } else {
    const double r_max = length(cells.at("r_max"), "r_max");
    for (std::size_t i = 0; i <= rings; ++i) edges.push_back(r_max * i / rings);
  }
  if (edges.size() != rings + 1) throw Error("'r_edges' does not fit 'n'");
  return edges;
}

/// n + 1 edges from `low` on, a width apart.
std::vector<double> even_edges(double low, double width, std::size_t n) {
  std::vector<double> edges;
  for (std::size_t i = 0; i <= n; ++i) edges.push_back(low + width * static_cast<double>(i));
  return edges;
}

Grid read_grid(const Value& cells) {
  const Shape n = read_shape(cells);
  if (cells.at("kind").as_string("kind") == "cylindrical")
    return {0, 0, 0, true, even_edges(0, 2 * pi / n.first, n.first), ring_edges(cells, n.second)};
  const Point size = read_size(cells);
  return {0, 0, 0, false, even_edges(-size.x * n.first / 2, size.x, n.first),
          even_edges(-size.y * n.second / 2, size.y, n.second)};
}

std::vector<Point> cylindrical(const Value& cells, const Shape& n) {
  const std::vector<double> edges = ring_edges(cells, n.second);
  std::vector<Point> centres;
  for (std::size_t i = 0; i < n.first; ++i)
    for (std::size_t j = 0; j < n.second; ++j) {
      const double phi = 2 * pi * (i + 0.5) / n.first;
      const double r = n.first > 1 ? (edges[j] + edges[j + 1]) / 2 : 0;  // a ring that is not cut in phi has its centre on the axis
      centres.push_back({r * std::cos(phi), r * std::sin(phi), 0});
    }
  return centres;
}

std::vector<Point> transverse(const Value& cells) {
  const std::string& kind = cells.at("kind").as_string("kind");
  if (kind == "cartesian") return cartesian(cells, read_shape(cells));
  if (kind == "cylindrical") return cylindrical(cells, read_shape(cells));
  throw Error("cells of kind '" + kind + "' are unknown");
}

double thickness(const Value& layer) {
  double sum = 0;
  for (const Value& plate : layer.at("plates").as_array("plates")) sum += length(plate.at("thickness"), "thickness");
  return sum * static_cast<double>(count(layer, "repeat"));
}

/// A layer's window without its end; throws Error where cells are not cartesian.
Window read_window(const Value& cells) {
  if (cells.at("kind").as_string("kind") != "cartesian") throw Error("windows need cartesian cells");
  const Shape shown = read_shape(cells, "n"), grid = cells.find("grid") ? read_shape(cells, "grid") : shown;
  const Point size = read_size(cells);
  const auto axis = [&](double width, std::size_t n, std::size_t of) {
    return Axis{width, static_cast<std::int64_t>(of), static_cast<std::int64_t>(n)};
  };
  return {axis(size.x, shown.first, grid.first), axis(size.y, shown.second, grid.second), 0};
}

void append_layers(const Value& layer, double& z, Cells& cells) {
  const double depth = thickness(layer);
  const Value& table = layer.at("cells");
  const std::vector<Point> plane = transverse(table);
  const Grid grid = read_grid(table);
  for (std::size_t copy = 0; copy < count(layer, "copies"); ++copy, z += depth) {
    if (cells.centres.size() + plane.size() > most_cells) throw Error("the detector has too many cells");
    Grid own = grid;
    own.z_min = z, own.z_max = z + depth, own.start = cells.centres.size();
    cells.grids.push_back(std::move(own));
    for (const Point& cell : plane) cells.centres.push_back({cell.x, cell.y, z + depth / 2});
    if (cells.frame != "window") continue;
    if (cells.windows.size() == cells.centre_layer) cells.centre_depth = z;
    cells.windows.push_back(read_window(table));
    cells.windows.back().end = cells.centres.size();
  }
}

/// Cells in whose units the windows are placed, from the lower edge of the grid.
std::int64_t hit_cell(const Axis& axis, double x) {
  return static_cast<std::int64_t>(std::floor(x / axis.width + axis.grid / 2.0));
}

/// First cell that a window shows on its grid: half of its cells lie below the one that holds `centre` [mm].
std::int64_t first_cell(const Axis& axis, double centre) {
  constexpr double rounding = 1e-6;  // of a cell: a centre on an edge belongs to the upper cell
  return hit_cell(axis, centre + rounding * axis.width) - axis.shown / 2;
}

bool holds(const Axis& axis, double centre) {
  const std::int64_t first = first_cell(axis, centre);
  return first >= 0 && first + axis.shown <= axis.grid;
}

double shift(const Axis& axis, double centre) {
  return axis.width * (first_cell(axis, centre) - (axis.grid - axis.shown) / 2.0);
}

/// Centre [mm] of the cell of the centre layer that the particle's straight line hits at the layer's front.
Point hit_centre(const Cells& cells, const Incident& incident) {
  const Window& layer = cells.windows[cells.centre_layer];
  const double way = cells.centre_depth * std::tan(incident.theta);
  const auto centre = [](const Axis& axis, double x) {
    return axis.width * (static_cast<double>(hit_cell(axis, x)) + 0.5 - axis.grid / 2.0);
  };
  return {centre(layer.x, incident.x + way * std::cos(incident.phi)),
          centre(layer.y, incident.y + way * std::sin(incident.phi)), 0};
}

}  // namespace

Cells Cells::from_toml(const std::string& toml) {
  const Value detector = read_toml(toml);
  Cells cells;
  cells.frame = "detector";
  if (const Value* readout = detector.find("readout")) {
    if (const Value* frame = readout->find("frame")) cells.frame = frame->as_string("frame");
    if (const Value* layer = readout->find("centre_layer"))
      cells.centre_layer = static_cast<std::size_t>(layer->as_integer("centre_layer"));
  }
  double z = 0;
  for (const Value& layer : detector.at("layer").as_array("layer")) append_layers(layer, z, cells);
  if (cells.frame == "window" && cells.centre_layer >= cells.windows.size())
    throw Error("'centre_layer' is no layer of the detector");
  return cells;
}

Incident Cells::asked(Incident incident) const {
  if (frame == "shower") incident.x = incident.y = 0;
  return incident;
}

bool Cells::hold(const Incident& incident) const {
  if (windows.empty()) return true;
  const Point centre = hit_centre(*this, incident);
  for (const Window& window : windows)
    if (!holds(window.x, centre.x) || !holds(window.y, centre.y)) return false;
  return true;
}

std::vector<Point> Cells::shifts(const Incident& incident) const {
  std::vector<Point> all;
  if (windows.empty()) return all;
  const Point centre = hit_centre(*this, incident);
  for (const Window& window : windows) all.push_back({shift(window.x, centre.x), shift(window.y, centre.y), 0});
  return all;
}

}  // namespace caloforge
