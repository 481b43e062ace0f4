#include "json.hpp"

#include <caloforge/cells.hpp>

#include <algorithm>
#include <cmath>

namespace caloforge {

namespace {

constexpr std::size_t most_cells = 10'000'000;
constexpr std::int64_t most_along = 10'000;  // largest number of cells of a fixed grid along an axis
constexpr double longest = 1e9;              // mm; largest length, so that numbers of cells fit their type
constexpr double least_width = 1e-6;         // mm; least width of a cell

std::vector<Place> places(const std::vector<double>& values, const char* what) {
  if (values.empty() || values.size() % 2) throw Error(std::string("'") + what + "' is not pairs of x and y");
  std::vector<Place> found;
  found.reserve(values.size() / 2);
  for (std::size_t i = 0; i < values.size(); i += 2) found.push_back({values[i], values[i + 1]});
  return found;
}

std::vector<Outline> read_outlines(const Json& plane) {
  std::vector<Outline> outlines;
  for (const Json& outline : list(plane, "outlines"))
    outlines.push_back(Outline::polygon(places(numbers(outline, "outlines"), "outlines")));
  const std::vector<double> sectors = numbers(list(plane, "sectors"), "sectors");
  if (sectors.size() % 4) throw Error("'sectors' is not groups of four numbers");
  for (auto s = sectors.begin(); s != sectors.end(); s += 4)
    outlines.push_back(Outline::sector(s[0], s[1], s[2], s[3]));
  return outlines;
}

Window read_window(const Json& entry) {
  if (!entry.is_array() || entry.size() != 6) throw Error("'windows' is not groups of six numbers");
  const std::vector<double> widths = numbers(Json::array({entry[0], entry[1]}), "windows");
  const std::vector<std::int64_t> n = whole_numbers(
      Json::array({entry[2], entry[3], entry[4], entry[5]}), "windows", 1, most_along);
  if (widths[0] < least_width || widths[1] < least_width || n[2] > n[0] || n[3] > n[1])
    throw Error("'windows' has cells that are too small or a window larger than its grid");
  return {{widths[0], n[0], n[2]}, {widths[1], n[1], n[3]}};
}

void read_windows(const Json& table, Cells& cells) {
  for (const Json& entry : list(table, "windows")) cells.windows.push_back(read_window(entry));
  const auto last = static_cast<std::int64_t>(cells.layers.size()) - 1;
  cells.centre_layer = static_cast<std::size_t>(whole(table, "centre_layer", 0, last));
  if (cells.windows.size() != cells.layers.size()) throw Error("'windows' has not one entry for each layer");
}

Cells read_cells(const Json& table) {
  Cells cells;
  cells.frame = text(table, "frame");
  for (const Json& plane : list(table, "planes"))
    cells.planes.emplace_back(places(numbers(list(plane, "centres"), "centres"), "centres"), read_outlines(plane));
  const std::vector<double> depths = numbers(list(table, "depths"), "depths");
  const auto last = static_cast<std::int64_t>(cells.planes.size()) - 1;
  const std::vector<std::int64_t> layers = whole_numbers(list(table, "layers"), "layers", 0, last);
  if (layers.empty() || depths.size() != layers.size() + 1 || depths[0] != 0)
    throw Error("'depths' does not fit the layers");
  for (std::size_t i = 0; i < layers.size(); ++i) cells.append(static_cast<std::size_t>(layers[i]), depths[i + 1]);
  if (cells.frame == "window") read_windows(table, cells);
  return cells;
}

/// Number of the cell at x [mm], from the lower edge of the grid.
std::int64_t hit_cell(const Axis& axis, double x) {
  return static_cast<std::int64_t>(
      std::floor(std::clamp(x, -longest, longest) / axis.width + static_cast<double>(axis.grid) / 2));
}

/// First cell of a window on its grid: half of the window's cells are below the cell that holds `centre` [mm].
std::int64_t first_cell(const Axis& axis, double centre) {
  constexpr double rounding = 1e-6;  // in cells; a centre on an edge belongs to the upper cell
  return hit_cell(axis, centre + rounding * axis.width) - axis.shown / 2;
}

bool holds(const Axis& axis, double centre) {
  const std::int64_t first = first_cell(axis, centre);
  return first >= 0 && first + axis.shown <= axis.grid;
}

double shift(const Axis& axis, double centre) {
  return axis.width * (static_cast<double>(first_cell(axis, centre)) - static_cast<double>(axis.grid - axis.shown) / 2);
}

/// Centre [mm] of the cell of the centre layer that the particle's straight line hits at the layer's front.
Place hit_centre(const Cells& cells, const Incident& incident) {
  const Window& layer = cells.windows[cells.centre_layer];
  const double way = cells.layers[cells.centre_layer].z_min * std::tan(incident.theta);
  const auto centre = [](const Axis& axis, double x) {
    return axis.width * (static_cast<double>(hit_cell(axis, x)) + 0.5 - static_cast<double>(axis.grid) / 2);
  };
  return {centre(layer.x, incident.x + way * std::cos(incident.phi)),
          centre(layer.y, incident.y + way * std::sin(incident.phi))};
}

}  // namespace

Cells Cells::parse(const std::string& json) {
  const Json card = read_json(json);
  const auto found = card.find("cells");
  if (found == card.end() || found->is_null())
    throw Error("it was written by an older version and has no table of cells; `caloforge upgrade` adds it");
  return read_cells(*found);
}

void Cells::append(std::size_t plane, double z_max) {
  const std::size_t start = size();
  const double z_min = layers.empty() ? 0 : layers.back().z_max;
  if (!(z_max > z_min)) throw Error("depths of the layers are not strictly increasing");
  if (start + planes.at(plane).centres().size() > most_cells) throw Error("the detector has too many cells");
  layers.push_back({plane, start, z_min, z_max});
}

std::size_t Cells::size() const {
  return layers.empty() ? 0 : layers.back().start + planes[layers.back().plane].centres().size();
}

Point Cells::centre(std::size_t cell) const {
  const auto after = std::upper_bound(layers.begin(), layers.end(), cell,
                                      [](std::size_t wanted, const Layer& layer) { return wanted < layer.start; });
  const Layer& layer = *(after - 1);
  const Place& place = planes[layer.plane].centres().at(cell - layer.start);
  return {place.x, place.y, (layer.z_min + layer.z_max) / 2};
}

Incident Cells::for_source(Incident incident) const {
  if (frame == "shower") incident.x = incident.y = 0;
  return incident;
}

bool Cells::windows_fit(const Incident& incident) const {
  if (windows.empty()) return true;
  const Place centre = hit_centre(*this, incident);
  return std::all_of(windows.begin(), windows.end(), [&](const Window& window) {
    return holds(window.x, centre.x) && holds(window.y, centre.y);
  });
}

std::vector<Place> Cells::shifts(const Incident& incident) const {
  std::vector<Place> all;
  if (windows.empty()) return all;
  const Place centre = hit_centre(*this, incident);
  for (const Window& window : windows) all.push_back({shift(window.x, centre.x), shift(window.y, centre.y)});
  return all;
}

}  // namespace caloforge
