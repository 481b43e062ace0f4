#pragma once

#include <caloforge/model_info.hpp>

#include <G4RotationMatrix.hh>
#include <G4ThreeVector.hh>

namespace caloforge {

/// Front face of the calorimeter in the local frame of the envelope's volume; Geant4 gives the placements of the
/// envelope in the world.
struct Placement {
  G4ThreeVector face;         ///< centre of the face [mm]
  G4RotationMatrix rotation;  ///< turns the calorimeter's axes into the envelope's; z points into the calorimeter

  G4ThreeVector to_face(const G4ThreeVector& point) const { return rotation.inverse() * (point - face); }
  G4ThreeVector rotate_to_face(const G4ThreeVector& direction) const { return rotation.inverse() * direction; }
  G4ThreeVector to_envelope(const G4ThreeVector& point) const { return rotation * point + face; }
};

/// Point where the line of a particle crosses the front face z = 0.
G4ThreeVector onto_face(const G4ThreeVector& point, const G4ThreeVector& direction);

/// Transform a point from the frame of a shower to that of the face. The mesh starts at the entry point, and the
/// shortest rotation, R_z(phi) R_y(theta) R_z(-phi), turns its z axis into the direction.
G4ThreeVector along_shower(const G4ThreeVector& point, const Incident& incident);

}  // namespace caloforge
