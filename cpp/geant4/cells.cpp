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

Shape read_shape(const Value& cells) {
  const std::vector<Value>& n = cells.at("n").as_array("n");
  if (n.size() != 2) throw Error("'n' is not two numbers");
  const std::int64_t first = n[0].as_integer("n"), second = n[1].as_integer("n");
  if (first < 1 || second < 1 || first > 10'000 || second > 10'000) throw Error("'n' is not 1 to 10000");
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(second)};
}

std::vector<Point> cartesian(const Value& cells, const Shape& n) {
  const std::vector<Value>& size = cells.at("size").as_array("size");
  if (size.size() != 2) throw Error("'size' is not two lengths");
  const double dx = length(size[0], "size"), dy = length(size[1], "size");
  std::vector<Point> centres;
  for (std::size_t i = 0; i < n.first; ++i)
    for (std::size_t j = 0; j < n.second; ++j)
      centres.push_back({dx * (i + 0.5 - n.first / 2.0), dy * (j + 0.5 - n.second / 2.0), 0});
  return centres;
}

std::vector<double> ring_radii(const Value& cells, std::size_t rings) {
  std::vector<double> edges;
  if (const Value* list = cells.find("r_edges")) {
    for (const Value& edge : list->as_array("r_edges")) edges.push_back(length(edge, "r_edges"));
  } else {
    const double r_max = length(cells.at("r_max"), "r_max");
    for (std::size_t i = 0; i <= rings; ++i) edges.push_back(r_max * i / rings);
  }
  if (edges.size() != rings + 1) throw Error("'r_edges' does not fit 'n'");
  std::vector<double> radii;
  for (std::size_t i = 0; i < rings; ++i) radii.push_back((edges[i] + edges[i + 1]) / 2);
  return radii;
}

std::vector<Point> cylindrical(const Value& cells, const Shape& n) {
  const std::vector<double> radii = ring_radii(cells, n.second);
  std::vector<Point> centres;
  for (std::size_t i = 0; i < n.first; ++i)
    for (std::size_t j = 0; j < n.second; ++j) {
      const double phi = 2 * pi * (i + 0.5) / n.first;
      const double r = n.first > 1 ? radii[j] : 0;  // a ring that is not cut in phi has its centre on the axis
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

void append_layers(const Value& layer, double& z, std::vector<Point>& centres) {
  const double depth = thickness(layer);
  const std::vector<Point> plane = transverse(layer.at("cells"));
  for (std::size_t copy = 0; copy < count(layer, "copies"); ++copy, z += depth) {
    if (centres.size() + plane.size() > most_cells) throw Error("the detector has too many cells");
    for (const Point& cell : plane) centres.push_back({cell.x, cell.y, z + depth / 2});
  }
}

}  // namespace

Cells Cells::from_toml(const std::string& toml) {
  const Value detector = read_toml(toml);
  Cells cells{"detector", {}};
  if (const Value* readout = detector.find("readout"))
    if (const Value* frame = readout->find("frame")) cells.frame = frame->as_string("frame");
  double z = 0;
  for (const Value& layer : detector.at("layer").as_array("layer")) append_layers(layer, z, cells.centres);
  return cells;
}

}  // namespace caloforge
