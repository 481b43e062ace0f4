#pragma once

#include <caloforge/error.hpp>
#include <caloforge/model_info.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace caloforge {

enum class Precision { f32, bf16 };

struct Options {
  Precision precision = Precision::f32;
  int threads = 1;             ///< callers that compute at once
  std::string runtime;         ///< "openvino", "onnxruntime", or empty for the first that is built in
  bool allow_outside = false;  ///< whether to simulate incidents outside the training range
  bool trial = true;           ///< whether a separate process opens the file first

  /// Read words "key=value"; throws Error if one is unknown.
  CALOFORGE_API static Options parse(const std::string& words);
};

/// A trained network that turns incidents into showers; several threads may use it at once.
class CALOFORGE_API Simulator {
 public:
  /// Open an exported ONNX file; throws Error if it is missing, damaged or not exported by caloforge.
  explicit Simulator(const std::string& path, const Options& options = {});
  ~Simulator();
  Simulator(Simulator&&) noexcept;
  Simulator& operator=(Simulator&&) noexcept;

  const ModelInfo& info() const;
  const std::string& info_json() const;

  /// Simulate n incidents into n rows of info().n_cells energies [MeV]; the noise of each shower depends on seed and
  /// shower_id only. Throws Error for an incident outside the training range.
  std::vector<float> simulate(const std::vector<Incident>& incidents, std::uint64_t seed) const;
  void simulate(const Incident* incidents, std::size_t n, std::uint64_t seed, float* showers) const;

  /// Simulate with given noise, n rows of info().noise standard normal values.
  void simulate_with_noise(const Incident* incidents, std::size_t n, const float* noise, float* showers) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace caloforge
