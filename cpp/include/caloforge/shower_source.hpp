#pragma once

#include <caloforge/cells.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace caloforge {

/// Source of showers for a host, which several threads may use at once.
/// A host passes incidents as `cells().asked` returns them.
class ShowerSource {
 public:
  virtual ~ShowerSource() = default;
  virtual const Cells& cells() const = 0;

  /// Whether the incident can be simulated; Geant4 tracks all others.
  virtual bool accepts(const Incident& incident) const = 0;

  /// Cell energies [MeV] of the incidents, row after row; throws Error on failure.
  virtual std::vector<float> simulate(const std::vector<Incident>& incidents, std::uint64_t seed) const = 0;
};

/// A trained network behind the plain C interface.
class LearnedShowers : public ShowerSource {
 public:
  /// Open an exported ONNX file; `options` as in caloforge_open.
  explicit LearnedShowers(const std::string& path, const std::string& options = {});
  ~LearnedShowers() override;
  LearnedShowers(const LearnedShowers&) = delete;
  LearnedShowers& operator=(const LearnedShowers&) = delete;

  const Cells& cells() const override { return cells_; }
  bool accepts(const Incident& incident) const override { return info_.outside(incident).empty(); }
  std::vector<float> simulate(const std::vector<Incident>& incidents, std::uint64_t seed) const override;

 private:
  caloforge_model* model_;
  ModelInfo info_;
  Cells cells_;
};

/// The id of shower k of an event is event_id * event_stride + k.
constexpr std::int64_t event_stride = std::int64_t{1} << 20;

}  // namespace caloforge
