#include "Hits.hh"

#include <G4Step.hh>
#include <G4SystemOfUnits.hh>

#include <algorithm>

namespace {

/// The cells of calogan-ecal, for which showers are learned and which tracked hits must fill, too.
caloforge::Cells StackCells() {
  using caloforge::Plane;
  caloforge::Cells cells;
  cells.planes = {Plane::rectangles(3, 96, 160, 5), Plane::rectangles(12, 12, 40, 40), Plane::rectangles(12, 6, 40, 80)};
  cells.append(0, 90);
  cells.append(1, 90 + 348);
  cells.append(2, 90 + 348 + 42);
  return cells;
}

caloforge::Point PointOf(const G4ThreeVector& v) { return {v.x() / mm, v.y() / mm, v.z() / mm}; }

}  // namespace

StackSensor::StackSensor(const G4String& name, CellEnergies& cells)
    : G4VSensitiveDetector(name), cells_(cells), grid_(StackCells()) {}

void CellEnergies::Clear() {
  std::fill(tracked.begin(), tracked.end(), 0);
  std::fill(fast.begin(), fast.end(), 0);
}

G4bool StackSensor::ProcessHits(G4Step* step, G4TouchableHistory*) {
  const G4double energy = step->GetTotalEnergyDeposit();
  if (energy <= 0) return false;
  const caloforge::Point end = PointOf(step->GetPostStepPoint()->GetPosition());
  const bool charged = step->GetTrack()->GetDynamicParticle()->GetCharge() != 0;  // others deposit at the end of steps
  const caloforge::Point start = charged ? PointOf(step->GetPreStepPoint()->GetPosition()) : end;
  for (const caloforge::Share& share : grid_.along(start, end)) cells_.tracked[share.cell] += energy * share.fraction;
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
