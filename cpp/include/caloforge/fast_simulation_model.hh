#pragma once

#include <caloforge/placement.hh>
#include <caloforge/shower_source.hpp>

#include <G4AffineTransform.hh>
#include <G4ThreeVector.hh>
#include <G4VFastSimulationModel.hh>

#include <memory>
#include <set>
#include <vector>

namespace caloforge {

/// Which particles a fast simulation takes over; those outside the source's own range are always left to Geant4.
struct Trigger {
  std::set<G4int> pdgs{11, -11, 22};
  G4double min_energy = 1000;    ///< kinetic [MeV]
  G4double max_energy = 1e9;     ///< kinetic [MeV]
  G4double max_theta = 1.5;      ///< angle to the face's normal [rad]
  G4double entry_tolerance = 1;  ///< distance to the face at which a particle counts as entering [mm]
  G4bool inside = false;         ///< also particles born inside; only where cells follow the shower
};

/// A particle that was taken over.
struct FastShower {
  Incident incident;  ///< in the frame of the calorimeter's face
  G4int event_id;
  G4int track_id;
  G4double time;
  G4double weight;
  G4AffineTransform to_world;  ///< from the envelope's local frame
};

/// Energy of one cell of a fast-simulated shower.
struct FastDeposit {
  const FastShower& shower;
  std::size_t cell;        ///< on the detector's flat cell axis
  G4double energy;         ///< [MeV]
  G4ThreeVector position;  ///< of the cell's centre in the world [mm]
};

/// Puts deposits into the application's own hits. Only fast-simulated energy arrives here, so that an application
/// flags its hits by what calls it: hits of this function are fast, hits of its sensitive detector are tracked.
class HitMaker {
 public:
  virtual ~HitMaker() = default;
  virtual void Deposit(const FastDeposit& deposit) = 0;
};

/// Takes particles over at a calorimeter's face, and makes the showers of an event in one batch at its end.
/// One object per thread and envelope; the source may be shared between them. Showers are named
/// event_id * 2^20 + k, k counting all fast-simulated showers of the event.
class FastSimulationModel : public G4VFastSimulationModel {
 public:
  /// Fatal G4Exception where the source's cells cannot be placed.
  FastSimulationModel(const G4String& name, G4Region* envelope, std::shared_ptr<const ShowerSource> source,
                      HitMaker& hits, const Placement& placement = {}, const Trigger& trigger = {},
                      std::uint64_t seed = 0);

  G4bool IsApplicable(const G4ParticleDefinition& particle) override;
  G4bool ModelTrigger(const G4FastTrack& track) override;
  void DoIt(const G4FastTrack& track, G4FastStep& step) override;
  void Flush() override;

 private:
  G4bool Enters(const G4ThreeVector& point, const G4ThreeVector& direction) const;
  Incident IncidentOf(const G4FastTrack& track) const;
  void MakeHits(const FastShower& shower, const float* energies);

  std::shared_ptr<const ShowerSource> source_;
  HitMaker& hits_;
  Placement placement_;
  Trigger trigger_;
  std::uint64_t seed_;
  std::vector<FastShower> queue_;
};

}  // namespace caloforge
