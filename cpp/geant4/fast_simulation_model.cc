#include <caloforge/fast_simulation_model.hh>

#include <G4Event.hh>
#include <G4EventManager.hh>
#include <G4Exception.hh>
#include <G4FastStep.hh>
#include <G4FastTrack.hh>
#include <G4ParticleDefinition.hh>
#include <G4Run.hh>
#include <G4RunManager.hh>
#include <G4Track.hh>

#include <cmath>
#include <utility>

namespace caloforge {

namespace {

void fail(const char* code, const std::string& why) {
  G4Exception("caloforge::FastSimulationModel", code, FatalException, why.c_str());
}

G4int current_event() {
  const G4Event* event = G4EventManager::GetEventManager()->GetConstCurrentEvent();
  return event ? event->GetEventID() : 0;
}

G4int current_run() {
  const G4Run* run = G4RunManager::GetRunManager()->GetCurrentRun();
  return run ? run->GetRunID() : 0;
}

/// Id of the next fast-simulated shower of the event, counted over all models of the thread, since two calorimeters
/// must not share their noise.
std::int64_t next_shower_id(G4int run_id, G4int event_id) {
  static thread_local std::pair<G4int, G4int> counted{-1, -1};
  static thread_local std::int64_t showers = 0;
  if (counted != std::pair{run_id, event_id}) {
    counted = {run_id, event_id};
    showers = 0;
  }
  return event_id * event_stride + showers++;
}

/// Seed of a run. Events are counted from 0 in every run, and a run must not repeat the showers of another. Run 0 has
/// the given seed, and later runs mix in their number (splitmix64, Steele, Lea and Flood 2014).
std::uint64_t run_seed(std::uint64_t seed, G4int run_id) {
  if (run_id == 0) return seed;
  std::uint64_t mixed = seed + static_cast<std::uint64_t>(run_id) * 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
  return (mixed ^ mixed >> 31) >> 32;  // seeds have 32 bits
}

}  // namespace

FastSimulationModel::FastSimulationModel(const G4String& name, G4Region* envelope,
                                         std::shared_ptr<const ShowerSource> source, HitMaker& hits,
                                         const Placement& placement, const Trigger& trigger, std::uint64_t seed)
    : G4VFastSimulationModel(name, envelope),
      source_(std::move(source)),
      hits_(hits),
      placement_(placement),
      trigger_(trigger),
      seed_(seed) {
  const std::string& frame = source_->cells().frame;
  if (frame != "detector" && frame != "shower" && frame != "window")
    fail("frame", "cells in a '" + frame + "' frame cannot be placed");
  if (trigger_.inside && frame != "shower") fail("inside", "showers born inside need cells that follow the shower");
}

G4bool FastSimulationModel::IsApplicable(const G4ParticleDefinition& particle) {
  return trigger_.pdgs.count(particle.GetPDGEncoding()) > 0;
}

G4bool FastSimulationModel::Enters(const G4ThreeVector& point, const G4ThreeVector& direction) const {
  if (direction.z() < std::cos(trigger_.max_theta)) return false;
  return trigger_.inside || std::fabs(point.z()) <= trigger_.entry_tolerance;
}

Incident FastSimulationModel::IncidentOf(const G4FastTrack& track) const {
  const G4ThreeVector direction = placement_.rotate_to_face(track.GetPrimaryTrackLocalDirection());
  G4ThreeVector point = placement_.to_face(track.GetPrimaryTrackLocalPosition());
  if (!trigger_.inside) point = onto_face(point, direction);
  const G4Track& primary = *track.GetPrimaryTrack();
  return {primary.GetKineticEnergy(), direction.theta(), direction.phi(), point.x(), point.y(), point.z(),
          primary.GetParticleDefinition()->GetPDGEncoding(), 0};
}

G4bool FastSimulationModel::ModelTrigger(const G4FastTrack& track) {
  const G4double energy = track.GetPrimaryTrack()->GetKineticEnergy();
  if (energy < trigger_.min_energy || energy > trigger_.max_energy ||
      !Enters(placement_.to_face(track.GetPrimaryTrackLocalPosition()),
              placement_.rotate_to_face(track.GetPrimaryTrackLocalDirection())))
    return false;
  const Incident incident = IncidentOf(track);
  const Cells& cells = source_->cells();
  return source_->accepts(cells.for_source(incident)) && cells.windows_fit(incident);
}

void FastSimulationModel::DoIt(const G4FastTrack& track, G4FastStep& step) {
  const G4Track& primary = *track.GetPrimaryTrack();
  FastShower shower{IncidentOf(track),       current_event(),     primary.GetTrackID(),
                    primary.GetGlobalTime(), primary.GetWeight(), *track.GetInverseAffineTransformation()};
  shower.incident.shower_id = next_shower_id(current_run(), shower.event_id);
  queue_.push_back(shower);
  step.KillPrimaryTrack();
  step.ProposePrimaryTrackPathLength(0);
  step.ProposeTotalEnergyDeposited(0);
}

void FastSimulationModel::Flush() {
  if (queue_.empty()) return;
  std::vector<Incident> incidents;
  for (const FastShower& shower : queue_) incidents.push_back(source_->cells().for_source(shower.incident));
  try {
    const std::vector<float> energies = source_->simulate(incidents, run_seed(seed_, current_run()));
    const std::size_t width = source_->cells().size();
    for (std::size_t i = 0; i < queue_.size(); ++i) MakeHits(queue_[i], &energies[i * width]);
  } catch (const Error& error) {
    fail("simulate", error.what());
  }
  queue_.clear();
}

void FastSimulationModel::MakeHits(const FastShower& shower, const float* energies) {
  const Cells& cells = source_->cells();
  const bool follows = cells.frame == "shower";
  const std::vector<Place> shifts = cells.shifts(shower.incident);
  for (std::size_t k = 0; k < cells.layers.size(); ++k) {
    const Layer& layer = cells.layers[k];
    const std::vector<Place>& centres = cells.planes[layer.plane].centres();
    const Place shift = shifts.empty() ? Place{0, 0} : shifts[k];
    for (std::size_t i = 0; i < centres.size(); ++i) {
      const float energy = energies[layer.start + i];
      if (!(energy > 0)) continue;
      const G4ThreeVector local(centres[i].x + shift.x, centres[i].y + shift.y, (layer.z_min + layer.z_max) / 2);
      const G4ThreeVector point = placement_.to_envelope(follows ? along_shower(local, shower.incident) : local);
      hits_.Deposit({shower, layer.start + i, energy, shower.to_world.TransformPoint(point)});
    }
  }
}

}  // namespace caloforge
