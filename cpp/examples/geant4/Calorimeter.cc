#include "Calorimeter.hh"

#include <G4Box.hh>
#include <G4LogicalVolume.hh>
#include <G4NistManager.hh>
#include <G4PVPlacement.hh>
#include <G4PVReplica.hh>
#include <G4Region.hh>
#include <G4RegionStore.hh>
#include <G4SDManager.hh>

namespace {

G4LogicalVolume* MakeBox(const G4String& name, G4double thickness, const G4String& material) {
  auto* solid = new G4Box(name, Calorimeter::width / 2, Calorimeter::width / 2, thickness / 2);
  return new G4LogicalVolume(solid, G4NistManager::Instance()->FindOrBuildMaterial(material), name);
}

void Place(G4LogicalVolume* volume, G4LogicalVolume* mother, G4double z) {
  new G4PVPlacement(nullptr, {0, 0, z}, volume, volume->GetName(), mother, false, 0);
}

}  // namespace

G4VPhysicalVolume* Calorimeter::Construct() {
  auto* vacuum = G4NistManager::Instance()->FindOrBuildMaterial("G4_Galactic");
  auto* world = new G4LogicalVolume(new G4Box("world", 1 * m, 1 * m, 1 * m), vacuum, "world");
  G4LogicalVolume* stack = MakeBox("stack", pairs * pair_thickness, "G4_lAr");
  FillWithPairs(stack);
  Place(stack, world, pairs * pair_thickness / 2);
  auto* region = new G4Region("calorimeter");
  region->AddRootLogicalVolume(stack);
  return new G4PVPlacement(nullptr, {}, world, "world", nullptr, false, 0);
}

void Calorimeter::FillWithPairs(G4LogicalVolume* stack) const {
  G4LogicalVolume* pair = MakeBox("pair", pair_thickness, "G4_lAr");
  new G4PVReplica("pair", pair, stack, kZAxis, pairs, pair_thickness);
  Place(MakeBox("lead", lead_thickness, "G4_Pb"), pair, (lead_thickness - pair_thickness) / 2);
  Place(MakeBox("argon", pair_thickness - lead_thickness, "G4_lAr"), pair, lead_thickness / 2);
}

void Calorimeter::ConstructSDandField() {
  auto* sensor = new StackSensor("stack", cells_);
  G4SDManager::GetSDMpointer()->AddNewDetector(sensor);
  SetSensitiveDetector("lead", sensor);
  SetSensitiveDetector("argon", sensor);
  if (!source_) return;
  G4Region* region = G4RegionStore::GetInstance()->GetRegion("calorimeter");
  const caloforge::Placement face{{0, 0, -pairs * pair_thickness / 2}, {}};
  new caloforge::FastSimulationModel("showers", region, source_, hits_, face);
}
