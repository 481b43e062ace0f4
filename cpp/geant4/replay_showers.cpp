#include "npy.hpp"

#include <caloforge/shower_source.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

namespace caloforge {

namespace {

constexpr double energy_tolerance = 0.01;

Cells read_cells(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(path + ": it cannot be read");
  try {
    return Cells::from_toml({std::istreambuf_iterator<char>(file), {}});
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
}

}  // namespace

ReplayShowers::ReplayShowers(const std::string& folder)
    : folder_(folder), cells_(read_cells(folder + "/detector.toml")) {
  Npy<float> showers = read_npy<float>(folder + "/showers.npy");
  showers_ = std::move(showers.values);
  energies_ = read_npy<double>(folder + "/incident_energies.npy").values;
  pdgs_ = read_npy<std::int32_t>(folder + "/incident_pdg.npy").values;
  if (showers.columns != cells_.centres.size() || energies_.size() != showers.rows || pdgs_.size() != showers.rows)
    throw Error(folder + ": the sizes of its files do not fit together");
}

std::size_t ReplayShowers::row_of(const Incident& incident) const {
  const std::string shower = folder_ + ": shower " + std::to_string(incident.shower_id);
  const std::int64_t row = incident.shower_id / event_stride;
  if (incident.shower_id % event_stride || row >= static_cast<std::int64_t>(energies_.size()))
    throw Error(shower + " is not stored; it holds one shower for each of " + std::to_string(energies_.size()) +
                " events");
  if (pdgs_[row] != incident.pdg)
    throw Error(shower + " is of particle " + std::to_string(pdgs_[row]) + ", not " + std::to_string(incident.pdg));
  if (!(std::fabs(energies_[row] / incident.energy - 1) <= energy_tolerance))
    throw Error(shower + " has " + std::to_string(energies_[row]) + " MeV, the incident " +
                std::to_string(incident.energy) + " MeV");
  return static_cast<std::size_t>(row);
}

std::vector<float> ReplayShowers::simulate(const std::vector<Incident>& incidents, std::uint64_t) const {
  const std::size_t width = cells_.centres.size();
  std::vector<float> showers(incidents.size() * width);
  for (std::size_t i = 0; i < incidents.size(); ++i)
    std::copy_n(&showers_[row_of(incidents[i]) * width], width, &showers[i * width]);
  return showers;
}

}  // namespace caloforge
