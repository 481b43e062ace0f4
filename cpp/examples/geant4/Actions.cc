#include "Actions.hh"

#include <G4Event.hh>
#include <G4ParticleTable.hh>
#include <G4Run.hh>
#include <G4SystemOfUnits.hh>

#include <numeric>

Gun::Gun() {
  gun_.SetParticleDefinition(G4ParticleTable::GetParticleTable()->FindParticle("e-"));
  gun_.SetParticleEnergy(10 * GeV);
  gun_.SetParticlePosition({0, 0, -1 * mm});
  gun_.SetParticleMomentumDirection({0, 0, 1});
}

void Summary::BeginOfRunAction(const G4Run*) {
  tracked_ = fast_ = 0;
  timed_ = 0;
}

void Summary::Add(const G4Event* event) {
  tracked_ += std::accumulate(cells_.tracked.begin(), cells_.tracked.end(), 0.0);
  fast_ += std::accumulate(cells_.fast.begin(), cells_.fast.end(), 0.0);
  if (event->GetEventID() == 0)
    timer_.Start();  // after the first event of a run, which reads tables
  else
    ++timed_;
}

void Summary::EndOfRunAction(const G4Run* run) {
  const G4int events = run->GetNumberOfEvent();
  if (events == 0) return;
  G4cout << "mean of " << events << " events: tracked " << tracked_ / events << " MeV, fast " << fast_ / events
         << " MeV";
  if (timed_ > 0) {
    timer_.Stop();
    G4cout << ", " << 1000 * timer_.GetUserElapsed() / timed_ << " CPU ms per event";
  }
  G4cout << G4endl;
}
