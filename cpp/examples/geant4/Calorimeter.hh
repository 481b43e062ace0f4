#pragma once

#include "Hits.hh"

#include <G4SystemOfUnits.hh>
#include <G4VUserDetectorConstruction.hh>

#include <memory>

class G4Region;

/// 80 pairs of 2 mm lead and 4 mm liquid argon, 480 mm wide; the front face is z = 0 of the world.
class Calorimeter : public G4VUserDetectorConstruction {
 public:
  static constexpr G4double width = 480 * mm, pair_thickness = 6 * mm, lead_thickness = 2 * mm;
  static constexpr G4int pairs = 80;

  /// Without a `source`, all particles are tracked.
  Calorimeter(CellEnergies& cells, StackHitMaker& hits, std::shared_ptr<const caloforge::ShowerSource> source)
      : cells_(cells), hits_(hits), source_(std::move(source)) {}

  G4VPhysicalVolume* Construct() override;
  void ConstructSDandField() override;

 private:
  void FillWithPairs(G4LogicalVolume* stack) const;

  CellEnergies& cells_;
  StackHitMaker& hits_;
  std::shared_ptr<const caloforge::ShowerSource> source_;
};
