#include <caloforge/shower_source.hpp>

#include <algorithm>
#include <cmath>

namespace caloforge {

namespace {

constexpr double pi = 3.14159265358979323846;

/// A straight way through the mesh.
struct Way {
  Point from, to;

  Point at(double t) const {
    return {from.x + t * (to.x - from.x), from.y + t * (to.y - from.y), from.z + t * (to.z - from.z)};
  }
};

/// Number of the bin of growing edges that holds `value`; -1 outside all of them.
std::ptrdiff_t bin(const std::vector<double>& edges, double value) {
  const auto above = std::upper_bound(edges.begin(), edges.end(), value);
  return above == edges.end() ? -1 : above - edges.begin() - 1;
}

const Grid* grid_at(const std::vector<Grid>& grids, double z) {
  for (const Grid& grid : grids)
    if (z >= grid.z_min && z < grid.z_max) return &grid;
  return nullptr;
}

/// Cell of a point on the flat axis; -1 outside every cell.
std::ptrdiff_t cell_at(const std::vector<Grid>& grids, const Point& p) {
  const Grid* grid = grid_at(grids, p.z);
  if (!grid) return -1;
  double phi = std::atan2(p.y, p.x);
  if (phi < 0) phi += 2 * pi;
  const std::ptrdiff_t i = bin(grid->first, grid->rings ? phi : p.x);
  const std::ptrdiff_t j = bin(grid->second, grid->rings ? std::hypot(p.x, p.y) : p.y);
  if (i < 0 || j < 0) return -1;
  return static_cast<std::ptrdiff_t>(grid->start) + i * static_cast<std::ptrdiff_t>(grid->second.size() - 1) + j;
}

/// Collects fractions of a way at which it may pass from cell to cell.
class Marks {
 public:
  explicit Marks(const Way& way) : way_(way) {}

  void plane(double value, double from, double to) { add(value - from, to - from); }

  void circle(double radius) {
    const double dx = way_.to.x - way_.from.x, dy = way_.to.y - way_.from.y;
    const double square = dx * dx + dy * dy, middle = way_.from.x * dx + way_.from.y * dy;
    const double rest = way_.from.x * way_.from.x + way_.from.y * way_.from.y - radius * radius;
    const double root = middle * middle - square * rest;
    if (root < 0) return;
    add(-middle - std::sqrt(root), square);
    add(-middle + std::sqrt(root), square);
  }

  void ray(double phi) {
    const double nx = std::sin(phi), ny = -std::cos(phi);
    add(-(way_.from.x * nx + way_.from.y * ny), (way_.to.x - way_.from.x) * nx + (way_.to.y - way_.from.y) * ny);
  }

  void grid(const Grid& grid) {
    if (!grid.rings) {
      for (const double edge : grid.first) plane(edge, way_.from.x, way_.to.x);
      for (const double edge : grid.second) plane(edge, way_.from.y, way_.to.y);
      return;
    }
    if (grid.first.size() > 2)
      for (const double phi : grid.first) ray(phi);
    for (const double radius : grid.second) circle(radius);
  }

  std::vector<double> sorted() {
    std::sort(marks_.begin(), marks_.end());
    return marks_;
  }

 private:
  void add(double distance, double way) {
    if (way == 0) return;
    const double t = distance / way;
    if (t > 0 && t < 1) marks_.push_back(t);
  }

  const Way& way_;
  std::vector<double> marks_{0, 1};
};

bool crosses(const Grid& grid, const Way& way) {
  return std::min(way.from.z, way.to.z) < grid.z_max && std::max(way.from.z, way.to.z) >= grid.z_min;
}

/// Whether a way stays in the cell that it begins in: rectangles are convex, rings are not.
bool stays(const std::vector<Grid>& grids, const Way& way, std::ptrdiff_t cell) {
  return cell >= 0 && !grid_at(grids, way.from.z)->rings && cell == cell_at(grids, way.to);
}

}  // namespace

std::vector<Share> Cells::along(const Point& from, const Point& to) const {
  if (frame == "window") throw Error("cells of windows move: shares along a step are for fixed cells and meshes");
  const Way way{from, to};
  const std::ptrdiff_t first = cell_at(grids, from);
  const bool is_point = from.x == to.x && from.y == to.y && from.z == to.z;
  if (is_point || stays(grids, way, first))
    return first < 0 ? std::vector<Share>{} : std::vector<Share>{{static_cast<std::size_t>(first), 1}};
  Marks marks(way);
  for (const Grid& grid : grids) {
    if (!crosses(grid, way)) continue;
    marks.plane(grid.z_min, from.z, to.z);
    marks.plane(grid.z_max, from.z, to.z);
    marks.grid(grid);
  }
  std::vector<Share> shares;
  const std::vector<double> cuts = marks.sorted();
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    const std::ptrdiff_t cell = cell_at(grids, way.at((cuts[i] + cuts[i + 1]) / 2));
    if (cell >= 0 && cuts[i + 1] > cuts[i]) shares.push_back({static_cast<std::size_t>(cell), cuts[i + 1] - cuts[i]});
  }
  return shares;
}

}  // namespace caloforge
