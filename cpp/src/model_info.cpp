#include "text.hpp"

#include <caloforge/error.hpp>
#include <caloforge/model_info.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace caloforge {

namespace {

constexpr const char* schema = "caloforge-model-1";
constexpr std::int64_t most_cells = 10'000'000, most_noise = 10'000'000;
constexpr double energy_tolerance = 1e-6;    // relative
constexpr double angle_tolerance = 1e-3;     // rad
constexpr double position_tolerance = 0.1;   // mm
constexpr double pi = 3.14159265358979323846;

Interval interval(const Value& value, const char* what) {
  const std::vector<Value>& ends = value.as_array(what);
  if (ends.size() != 2) throw Error(std::string("range of '") + what + "' is not two numbers");
  return {ends[0].as_number(what), ends[1].as_number(what)};
}

Ranges read_ranges(const Value& ranges) {
  const std::vector<Value>& position = ranges.at("position").as_array("position");
  if (position.size() != 3) throw Error("range of 'position' is not three intervals");
  return {interval(ranges.at("energy"), "energy"), interval(ranges.at("theta"), "theta"),
          interval(ranges.at("phi"), "phi"), interval(position[0], "position"), interval(position[1], "position")};
}

std::size_t count(const Value& value, const char* what, std::int64_t least, std::int64_t most) {
  const std::int64_t number = value.as_integer(what);
  if (number < least || number > most) throw Error(std::string("'") + what + "' is " + std::to_string(number));
  return static_cast<std::size_t>(number);
}

bool inside(double value, const Interval& range, double tolerance) {
  return value >= range.low - tolerance && value <= range.high + tolerance;
}

std::string said(const char* what, double value, const Interval& range, const char* unit) {
  std::ostringstream text;
  text << what << " " << value << unit << " is outside the training range " << range.low << " to " << range.high
       << unit;
  return text.str();
}

}  // namespace

ModelInfo ModelInfo::parse(const std::string& json) {
  const Value root = read_json(json);
  const std::string& found = root.at("schema").as_string("schema");
  if (found != schema) throw Error("its schema is '" + found + "', not '" + schema + "'");
  const Value& detector = root.at("detector");
  ModelInfo info{root.at("name").as_string("name"),
                 detector.at("name").as_string("detector.name"),
                 detector.at("toml").as_string("detector.toml"),
                 count(root.at("n_cells"), "n_cells", 1, most_cells),
                 count(root.at("noise"), "noise", 0, most_noise),
                 root.at("threshold").as_number("threshold"),
                 {},
                 read_ranges(root.at("ranges")),
                 root.at("python_only").as_boolean("python_only"),
                 {}};
  const Value* digest = root.find("digest");
  if (digest && digest->kind != Value::Kind::null) info.digest = digest->as_string("digest");
  for (const Value& pdg : root.at("pdgs").as_array("pdgs")) info.pdgs.push_back(pdg.as_integer("pdgs"));
  return info;
}

std::string ModelInfo::outside(const Incident& i) const {
  const Interval& e = ranges.energy;
  const bool any_particle = pdgs == std::vector<std::int64_t>{0};  // the training showers did not say theirs
  if (!any_particle && std::find(pdgs.begin(), pdgs.end(), i.pdg) == pdgs.end())
    return "particle " + std::to_string(i.pdg) + " is not one the model was trained on";
  if (!(i.energy >= e.low * (1 - energy_tolerance) && i.energy <= e.high * (1 + energy_tolerance)))
    return said("energy", i.energy, e, " MeV");
  if (!inside(i.theta, ranges.theta, angle_tolerance)) return said("theta", i.theta, ranges.theta, " rad");
  if (!(i.theta <= angle_tolerance || inside(phi_within(i.phi, ranges.phi), ranges.phi, angle_tolerance)))
    return said("phi", i.phi, ranges.phi, " rad");
  if (!inside(i.x, ranges.x, position_tolerance)) return said("x", i.x, ranges.x, " mm");
  if (!inside(i.y, ranges.y, position_tolerance)) return said("y", i.y, ranges.y, " mm");
  return {};
}

double phi_within(double phi, const Interval& range) {
  for (const double turned : {phi, phi + 2 * pi, phi - 2 * pi})
    if (inside(turned, range, angle_tolerance)) return turned;
  return phi;
}

}  // namespace caloforge
