// stack MACRO [MODEL.onnx [DEPOSITS.txt]]; without a model all particles are tracked.
#include "Actions.hh"
#include "Calorimeter.hh"

#include <G4EmStandardPhysics.hh>
#include <G4FastSimulationPhysics.hh>
#include <G4RunManager.hh>
#include <G4UImanager.hh>
#include <G4VModularPhysicsList.hh>

#include <cstdio>

namespace {

constexpr std::size_t n_cells = 504;

std::shared_ptr<const caloforge::ShowerSource> OpenSource(const std::string& name) {
  if (name.empty()) return nullptr;
  return std::make_shared<caloforge::LearnedShowers>(name);
}

G4VModularPhysicsList* MakePhysics() {
  auto* fast = new G4FastSimulationPhysics;
  for (const char* particle : {"e-", "e+", "gamma"}) fast->ActivateFastSimulation(particle);
  auto* physics = new G4VModularPhysicsList;
  physics->RegisterPhysics(new G4EmStandardPhysics);
  physics->RegisterPhysics(fast);
  return physics;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) return std::fprintf(stderr, "usage: stack MACRO [MODEL.onnx [DEPOSITS.txt]]\n"), 2;
  CellEnergies cells(n_cells);
  StackHitMaker hits(cells);
  if (argc > 3) hits.Write(argv[3]);
  G4RunManager manager;
  manager.SetUserInitialization(new Calorimeter(cells, hits, OpenSource(argc > 2 ? argv[2] : "")));
  manager.SetUserInitialization(MakePhysics());
  auto* summary = new Summary(cells);
  manager.SetUserAction(new Gun);
  manager.SetUserAction(summary);
  manager.SetUserAction(new EventSummary(*summary));
  return G4UImanager::GetUIpointer()->ApplyCommand(std::string("/control/execute ") + argv[1]) == 0 ? 0 : 1;
} catch (const caloforge::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
