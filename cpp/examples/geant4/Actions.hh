#pragma once

#include "Hits.hh"

#include <G4ParticleGun.hh>
#include <G4Timer.hh>
#include <G4UserEventAction.hh>
#include <G4UserRunAction.hh>
#include <G4VUserPrimaryGeneratorAction.hh>

/// A gun 1 mm before the calorimeter, driven by /gun commands.
class Gun : public G4VUserPrimaryGeneratorAction {
 public:
  Gun();
  void GeneratePrimaries(G4Event* event) override { gun_.GeneratePrimaryVertex(event); }

 private:
  G4ParticleGun gun_{1};
};

/// Sums the energies of events, and prints their time.
class Summary : public G4UserRunAction {
 public:
  explicit Summary(CellEnergies& cells) : cells_(cells) {}
  void BeginOfRunAction(const G4Run*) override;
  void EndOfRunAction(const G4Run* run) override;
  void Clear() { cells_.Clear(); }
  void Add(const G4Event* event);

 private:
  CellEnergies& cells_;
  G4double tracked_ = 0, fast_ = 0;
  G4int timed_ = 0;
  G4Timer timer_;
};

/// Passes every event to the summary.
class EventSummary : public G4UserEventAction {
 public:
  explicit EventSummary(Summary& summary) : summary_(summary) {}
  void BeginOfEventAction(const G4Event*) override { summary_.Clear(); }
  void EndOfEventAction(const G4Event* event) override { summary_.Add(event); }

 private:
  Summary& summary_;
};
