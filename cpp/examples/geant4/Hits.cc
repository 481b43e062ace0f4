#include "Hits.hh"

#include "Calorimeter.hh"

#include <G4Step.hh>

#include <algorithm>
#include <cmath>

namespace {

/// Layers of calogan-ecal: depth in Pb / LAr pairs, cells in x and y.
struct Layer {
  G4int pairs, nx, ny;
};
constexpr Layer layers[] = {{15, 3, 96}, {58, 12, 12}, {7, 12, 6}};

/// Cell on the flat axis, layer slowest and y fastest; -1 outside.
G4int FindCell(const G4ThreeVector& point) {
  G4double z = point.z();
  G4int first = 0;
  for (const Layer& layer : layers) {
    const G4double depth = layer.pairs * Calorimeter::pair_thickness;
    if (z < depth) {
      const auto ix = static_cast<G4int>(std::floor((point.x() / Calorimeter::width + 0.5) * layer.nx));
      const auto iy = static_cast<G4int>(std::floor((point.y() / Calorimeter::width + 0.5) * layer.ny));
      const bool inside = ix >= 0 && ix < layer.nx && iy >= 0 && iy < layer.ny;
      return inside ? first + ix * layer.ny + iy : -1;
    }
    z -= depth;
    first += layer.nx * layer.ny;
  }
  return -1;
}

}  // namespace

void CellEnergies::Clear() {
  std::fill(tracked.begin(), tracked.end(), 0);
  std::fill(fast.begin(), fast.end(), 0);
}

G4bool StackSensor::ProcessHits(G4Step* step, G4TouchableHistory*) {
  const G4double energy = step->GetTotalEnergyDeposit();
  if (energy <= 0) return false;
  const G4ThreeVector middle = (step->GetPreStepPoint()->GetPosition() + step->GetPostStepPoint()->GetPosition()) / 2;
  const G4int cell = FindCell(middle);
  if (cell >= 0) cells_.tracked[cell] += energy;
  return true;
}

void StackHitMaker::Deposit(const caloforge::FastDeposit& deposit) {
  cells_.fast.at(deposit.cell) += deposit.energy;
  if (file_.is_open()) {
    const G4ThreeVector& p = deposit.position;
    file_ << deposit.shower.event_id << " " << deposit.cell << " " << deposit.energy << " " << p.x() << " " << p.y()
          << " " << p.z() << "\n";
  }
}

void StackHitMaker::Write(const std::string& path) {
  file_.open(path);
  file_.precision(9);
}
