#include <caloforge/cells.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace caloforge {

namespace {

/// Small shift of all steps, so that none runs along a wall, where it would belong to two cells or to none.
constexpr Point off_walls{1e-9, 1e-11, 1e-9};  // mm

/// Cut an interval of t to the part with at + t per <= 0.
void keep(Interval& part, double at, double per) {
  if (per > 0)
    part.high = std::min(part.high, -at / per);
  else if (per < 0)
    part.low = std::max(part.low, -at / per);
  else if (at > 0)
    part.high = part.low - 1;
}

double length(const Interval& part) { return std::max(part.high - part.low, 0.0); }

/// Length of the interval of t within `part` in which `from + t way` is inside a radius around the axis.
double length_within(double radius, const Point& from, const Point& way, Interval part) {
  const double square = way.x * way.x + way.y * way.y, middle = from.x * way.x + from.y * way.y;
  const double rest = from.x * from.x + from.y * from.y - radius * radius;
  if (square == 0) return rest <= 0 ? length(part) : 0;
  const double root = middle * middle - square * rest;
  if (root <= 0) return 0;
  part.low = std::max(part.low, (-middle - std::sqrt(root)) / square);
  part.high = std::min(part.high, (-middle + std::sqrt(root)) / square);
  return length(part);
}

}  // namespace

Outline Outline::polygon(std::vector<Place> corners) {
  if (corners.size() < 3) throw Error("an outline of a cell has fewer than three corners");
  Outline outline;
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const Place &a = corners[i], &b = corners[(i + 1) % corners.size()];
    const double normal_x = b.y - a.y, normal_y = a.x - b.x;
    outline.sides_.push_back({normal_x, normal_y, normal_x * a.x + normal_y * a.y});
  }
  outline.corners_ = std::move(corners);
  return outline;
}

Outline Outline::sector(double inner, double outer, double first, double last) {
  constexpr double pi = 3.14159265358979323846;
  Outline outline;
  outline.around_axis_ = true;
  outline.inner_ = inner;
  outline.outer_ = outer;
  if (last - first < 1.5 * pi)  // larger sectors are whole rings, since a ring is divided in two or more
    outline.sides_ = {{std::sin(first), -std::cos(first), 0}, {-std::sin(last), std::cos(last), 0}};
  for (const double phi : {first, last})
    for (const double r : {inner, outer}) outline.corners_.push_back({r * std::cos(phi), r * std::sin(phi)});
  return outline;
}

double Outline::reach(const Place& centre) const {
  double most = 0;
  for (const Place& corner : corners_)
    most = std::max(most, around_axis_ ? std::hypot(corner.x - centre.x, corner.y - centre.y)
                                       : std::hypot(corner.x, corner.y));
  return most;
}

double Outline::share(const Place& centre, const Point& from, const Point& way, Interval part) const {
  const Place origin = around_axis_ ? Place{0, 0} : centre;
  for (const Side& side : sides_)
    keep(part, side.normal_x * (from.x - origin.x) + side.normal_y * (from.y - origin.y) - side.distance,
         side.normal_x * way.x + side.normal_y * way.y);
  if (!around_axis_ || part.high <= part.low) return length(part);
  return length_within(outer_, from, way, part) - length_within(inner_, from, way, part);
}

Plane::Plane(std::vector<Place> centres, std::vector<Outline> outlines)
    : centres_(std::move(centres)), outlines_(std::move(outlines)), by_x_(centres_.size()) {
  if (centres_.empty() || (outlines_.size() != 1 && outlines_.size() != centres_.size()))
    throw Error("the numbers of centres and outlines of cells do not fit");
  for (std::size_t i = 0; i < centres_.size(); ++i)
    reach_ = std::max(reach_, outlines_[outlines_.size() > 1 ? i : 0].reach(centres_[i]));
  std::iota(by_x_.begin(), by_x_.end(), std::size_t{0});
  std::stable_sort(by_x_.begin(), by_x_.end(),
                   [this](std::size_t a, std::size_t b) { return centres_[a].x < centres_[b].x; });
}

Plane Plane::rectangles(std::size_t nx, std::size_t ny, double width, double height) {
  std::vector<Place> centres;
  for (std::size_t i = 0; i < nx; ++i)
    for (std::size_t j = 0; j < ny; ++j)
      centres.push_back({width * (static_cast<double>(i) + 0.5 - static_cast<double>(nx) / 2),
                         height * (static_cast<double>(j) + 0.5 - static_cast<double>(ny) / 2)});
  const double x = width / 2, y = height / 2;
  return {std::move(centres), {Outline::polygon({{-x, -y}, {x, -y}, {x, y}, {-x, y}})}};
}

void Plane::add_shares(const Point& from, const Point& way, Interval part, std::size_t start,
                       std::vector<Share>& shares) const {
  const auto range = [&](double at, double per) {
    const auto [low, high] = std::minmax({at + part.low * per, at + part.high * per});
    return Interval{low - reach_, high + reach_};
  };
  const Interval x = range(from.x, way.x), y = range(from.y, way.y);
  const auto left_of = [this](std::size_t cell, double value) { return centres_[cell].x < value; };
  for (auto cell = std::lower_bound(by_x_.begin(), by_x_.end(), x.low, left_of);
       cell != by_x_.end() && centres_[*cell].x <= x.high; ++cell) {
    const Place& centre = centres_[*cell];
    if (centre.y < y.low || centre.y > y.high) continue;
    const double share = outlines_[outlines_.size() > 1 ? *cell : 0].share(centre, from, way, part);
    if (share > 0) shares.push_back({start + *cell, share});
  }
}

std::vector<Share> Cells::along(const Point& from, const Point& to) const {
  if (frame == "window") throw Error("cells of windows move: shares along a step are for fixed cells and meshes");
  const Point start{from.x + off_walls.x, from.y + off_walls.y, from.z + off_walls.z};
  const Point way{to.x - from.x, to.y - from.y, to.z - from.z};
  std::vector<Share> shares;
  for (const Layer& layer : layers) {
    Interval part{0, 1};
    keep(part, layer.z_min - start.z, -way.z);
    keep(part, start.z - layer.z_max, way.z);
    if (part.high > part.low) planes[layer.plane].add_shares(start, way, part, layer.start, shares);
  }
  return shares;
}

}  // namespace caloforge
