#include "json.hpp"

#include <caloforge/error.hpp>
#include <caloforge/model_info.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace caloforge {

namespace {

constexpr const char* old_schema = "caloforge-model-1";
constexpr const char* schema = "caloforge-model-2";
constexpr std::int64_t most_cells = 10'000'000, most_noise = 20'000'000;
constexpr double full_circle = 2 * 3.14159265358979323846;

Interval interval(const Json& value, const char* what) {
  const std::vector<double> ends = numbers(value, what);
  if (ends.size() != 2) throw Error(std::string("range of '") + what + "' is not two numbers");
  return {ends[0], ends[1]};
}

Ranges read_ranges(const Json& ranges) {
  const Json& position = list(ranges, "position");
  if (position.size() != 3) throw Error("range of 'position' is not three intervals");
  return {interval(member(ranges, "energy"), "energy"), interval(member(ranges, "theta"), "theta"),
          interval(member(ranges, "phi"), "phi"), interval(position[0], "position"), interval(position[1], "position")};
}

/// Particle codes, separated by commas.
std::string listed(const std::vector<std::int64_t>& pdgs) {
  std::string text;
  for (const std::int64_t pdg : pdgs) text += (text.empty() ? "" : ", ") + std::to_string(pdg);
  return text;
}

/// Limits of a file of schema 1, which holds the ranges without the tolerances.
Limits limits_of(const Ranges& in) {
  constexpr double energy = 1e-6, angle = 1e-3, position = 0.1;  // relative, rad, mm
  const auto widened = [](const Interval& range, double by) { return Interval{range.low - by, range.high + by}; };
  return {{{in.energy.low * (1 - energy), in.energy.high * (1 + energy)}, widened(in.theta, angle),
           widened(in.phi, angle), widened(in.x, position), widened(in.y, position)}, angle};
}

Limits read_limits(const Json& limits) {
  return {{interval(member(limits, "energy"), "energy"), interval(member(limits, "theta"), "theta"),
           interval(member(limits, "phi"), "phi"), interval(member(limits, "x"), "x"),
           interval(member(limits, "y"), "y")}, number(limits, "phi_above")};
}

void check_units(const Json& units) {
  if (text(units, "energy") != "MeV" || text(units, "length") != "mm" || text(units, "angle") != "rad")
    throw Error("its units are not MeV, mm and rad");
}

bool inside(double value, const Interval& range) { return value >= range.low && value <= range.high; }

std::string said(const char* what, double value, const Interval& range, const char* unit) {
  std::ostringstream text;
  text << what << " " << value << unit << " is outside the training range " << range.low << " to " << range.high
       << unit;
  return text.str();
}

}  // namespace

ModelInfo ModelInfo::parse(const std::string& json) {
  const Json root = read_json(json);
  const std::string& found = text(root, "schema");
  if (found != schema && found != old_schema)
    throw Error("its schema is '" + found.substr(0, 60) + "', not '" + schema + "' or '" + old_schema + "'");
  ModelInfo info;
  info.name = text(root, "name");
  info.detector_name = text(member(root, "detector"), "name");
  info.n_cells = static_cast<std::size_t>(whole(root, "n_cells", 1, most_cells));
  info.noise = static_cast<std::size_t>(whole(root, "noise", 0, most_noise));
  info.threshold = number(root, "threshold");
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  info.pdgs = whole_numbers(list(root, "pdgs"), "pdgs", -most, most);
  info.ranges = read_ranges(member(root, "ranges"));
  if (found == schema) check_units(member(root, "units"));
  info.limits = found == schema ? read_limits(member(root, "limits")) : limits_of(info.ranges);
  if (root.contains("digest") && !root["digest"].is_null()) info.digest = text(root, "digest");
  return info;
}

std::string ModelInfo::outside(const Incident& i) const {
  const bool any_particle = pdgs == std::vector<std::int64_t>{0};  // the particle of the training showers is unknown
  if (!any_particle && std::find(pdgs.begin(), pdgs.end(), i.pdg) == pdgs.end())
    return "particle " + std::to_string(i.pdg) + " is not one the model was trained on: " + listed(pdgs);
  if (!inside(i.energy, limits.energy)) return said("energy", i.energy, ranges.energy, " MeV");
  if (!inside(i.theta, limits.theta)) return said("theta", i.theta, ranges.theta, " rad");
  if (!(i.theta <= limits.phi_above || inside(limits.wrapped(i.phi), limits.phi)))
    return said("phi", i.phi, ranges.phi, " rad");
  if (!inside(i.x, limits.x)) return said("x", i.x, ranges.x, " mm");
  if (!inside(i.y, limits.y)) return said("y", i.y, ranges.y, " mm");
  return {};
}

double Limits::wrapped(double angle) const {
  if (inside(angle, phi)) return angle;
  const double above = std::fmod(angle - phi.low, full_circle);
  return phi.low + (above < 0 ? above + full_circle : above);
}

}  // namespace caloforge
