#pragma once

#include <caloforge/fast_simulation_model.hh>

#include <G4VSensitiveDetector.hh>

#include <fstream>
#include <string>
#include <vector>

/// Tracked and fast-simulated energy of every cell in one event [MeV].
struct CellEnergies {
  std::vector<G4double> tracked, fast;

  explicit CellEnergies(std::size_t n_cells) : tracked(n_cells), fast(n_cells) {}
  void Clear();
};

/// Adds the tracked energy of each step to all cells of the Pb / LAr stack of `calogan-ecal` that it crosses.
class StackSensor : public G4VSensitiveDetector {
 public:
  StackSensor(const G4String& name, CellEnergies& cells);
  G4bool ProcessHits(G4Step* step, G4TouchableHistory*) override;

 private:
  CellEnergies& cells_;
  caloforge::Cells grid_;
};

/// Adds fast-simulated energy to the same cells.
class StackHitMaker : public caloforge::HitMaker {
 public:
  explicit StackHitMaker(CellEnergies& cells) : cells_(cells) {}
  void Deposit(const caloforge::FastDeposit& deposit) override;

  /// Also write every deposit to a text file: event, cell, energy [MeV], x, y, z [mm].
  void Write(const std::string& path);

 private:
  CellEnergies& cells_;
  std::ofstream file_;
};
