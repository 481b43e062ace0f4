// geant4_probe MODEL X Y Z [RUNS]   shoots a geantino of 10 GeV per run along z from a point before the calorimeter's face
//                                   (Z < 0) or inside, prints every fast deposit: "deposit", cell, energy, position
#include <caloforge/fast_simulation_model.hh>

#include <G4Box.hh>
#include <G4FastSimulationPhysics.hh>
#include <G4Geantino.hh>
#include <G4LogicalVolume.hh>
#include <G4NistManager.hh>
#include <G4PVPlacement.hh>
#include <G4ParticleGun.hh>
#include <G4Region.hh>
#include <G4RunManager.hh>
#include <G4VModularPhysicsList.hh>
#include <G4VUserDetectorConstruction.hh>
#include <G4VUserPrimaryGeneratorAction.hh>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr double half_depth = 240;  // mm

class Printer : public caloforge::HitMaker {
 public:
  void Deposit(const caloforge::FastDeposit& d) override {
    std::printf("deposit %zu %.9g %.9g %.9g %.9g\n", d.cell, d.energy, d.position.x(), d.position.y(), d.position.z());
  }
};

/// A box of vacuum whose front face is z = 0 of the world, since geantinos need no cross sections.
class Calorimeter : public G4VUserDetectorConstruction {
 public:
  Calorimeter(const char* model, const caloforge::Trigger& trigger) : model_(model), trigger_(trigger) {}

  G4VPhysicalVolume* Construct() override {
    auto* vacuum = G4NistManager::Instance()->FindOrBuildMaterial("G4_Galactic");
    auto* world = new G4LogicalVolume(new G4Box("world", 1000, 1000, 1000), vacuum, "world");
    auto* box = new G4LogicalVolume(new G4Box("box", 400, 400, half_depth), vacuum, "box");
    new G4PVPlacement(nullptr, {0, 0, half_depth}, box, "box", world, false, 0);
    region_ = new G4Region("calorimeter");
    region_->AddRootLogicalVolume(box);
    return new G4PVPlacement(nullptr, {}, world, "world", nullptr, false, 0);
  }

  void ConstructSDandField() override {
    const caloforge::Placement face{{0, 0, -half_depth}, {}};
    new caloforge::FastSimulationModel("showers", region_, std::make_shared<caloforge::LearnedShowers>(model_), hits_,
                                       face, trigger_);
  }

 private:
  const char* model_;
  caloforge::Trigger trigger_;
  Printer hits_;
  G4Region* region_ = nullptr;
};

class Gun : public G4VUserPrimaryGeneratorAction {
 public:
  explicit Gun(const G4ThreeVector& point) {
    gun_.SetParticleDefinition(G4Geantino::Definition());
    gun_.SetParticleEnergy(10000);
    gun_.SetParticleMomentumDirection({0, 0, 1});
    gun_.SetParticlePosition(point);
  }
  void GeneratePrimaries(G4Event* event) override { gun_.GeneratePrimaryVertex(event); }

 private:
  G4ParticleGun gun_;
};

class Geantinos : public G4VModularPhysicsList {
 public:
  Geantinos() {
    auto* fast = new G4FastSimulationPhysics;
    fast->ActivateFastSimulation("geantino");
    RegisterPhysics(fast);
  }
  void ConstructParticle() override { G4Geantino::Definition(); }
  void SetCuts() override {}
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 5 && argc != 6) return 2;
  const G4ThreeVector point(std::atof(argv[2]), std::atof(argv[3]), std::atof(argv[4]));
  caloforge::Trigger trigger;
  trigger.pdgs = {0};
  trigger.inside = point.z() > 0;
  G4RunManager manager;
  manager.SetUserInitialization(new Calorimeter(argv[1], trigger));
  manager.SetUserInitialization(new Geantinos);
  manager.SetUserAction(new Gun(point));
  manager.Initialize();
  for (int run = 0; run < (argc == 6 ? std::atoi(argv[5]) : 1); ++run) manager.BeamOn(1);
  return 0;
} catch (const caloforge::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
