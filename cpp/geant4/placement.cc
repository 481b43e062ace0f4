#include <caloforge/placement.hh>

namespace caloforge {

G4ThreeVector onto_face(const G4ThreeVector& point, const G4ThreeVector& direction) {
  return point - point.z() / direction.z() * direction;
}

G4ThreeVector along_shower(const G4ThreeVector& point, const Incident& incident) {
  G4ThreeVector rotated = point;
  rotated.rotateZ(-incident.phi).rotateY(incident.theta).rotateZ(incident.phi);
  return rotated + G4ThreeVector(incident.x, incident.y, incident.z);
}

}  // namespace caloforge
