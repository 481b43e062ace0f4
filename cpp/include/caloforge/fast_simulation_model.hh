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

/// Particles that a fast simulation takes over; Geant4 always tracks those that the source does not accept.
struct Trigger {
  std::set<G4int> pdgs{11, -11, 22};
  G4double min_energy = 1000;    ///< least kinetic energy [MeV]
  G4double max_energy = 1e9;     ///< largest kinetic energy [MeV]
  G4double max_theta = 1.5;      ///< largest angle to the face's normal [rad]
  G4double entry_tolerance = 1;  ///< largest distance to the face at which a particle counts as entering [mm]
  G4bool inside = false;         ///< whether to take particles created inside; only if cells follow the shower
};

/// A particle that was taken over.
struct FastShower {
  Incident incident;  ///< incident in the frame of the calorimeter's face
  G4int event_id;
  G4int track_id;
  G4double time;
  G4double weight;
  G4AffineTransform to_world;  ///< transform from the envelope's local frame
};

/// Energy of one cell of a fast-simulated shower.
struct FastDeposit {
  const FastShower& shower;
  std::size_t cell;        ///< number on the detector's flat cell axis
  G4double energy;         ///< energy [MeV]
  G4ThreeVector position;  ///< position of the cell's centre in the world [mm]
};

/// Adds deposits to the application's hits. It receives fast-simulated energy only, so that an application can mark
/// its hits: those of this class are fast, and those of its sensitive detector are tracked.
class HitMaker {
 public:
  virtual ~HitMaker() = default;
  virtual void Deposit(const FastDeposit& deposit) = 0;
};

/// Takes over particles at a calorimeter's face, and simulates the showers of an event in one batch at its end.
/// There is one object per thread and envelope; they may share the source. The id of a shower is
/// event_id * 2^20 + k, where k counts all fast-simulated showers of the event.
class FastSimulationModel : public G4VFastSimulationModel {
 public:
  /// Create the model; causes a fatal G4Exception if the source's cells cannot be placed.
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
