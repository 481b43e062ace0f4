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
  int threads = 1;             ///< showers computed at once by several callers
  std::string runtime;         ///< "openvino", "onnxruntime", or empty for the first one built in
  bool allow_outside = false;  ///< simulate incidents outside the training range
  bool trial = true;           ///< let a process of its own open the file first

  /// Read words "key=value"; throws Error where one is unknown.
  CALOFORGE_API static Options parse(const std::string& words);
};

/// A trained network that turns incidents into showers; may be used by several threads at once.
class CALOFORGE_API Simulator {
 public:
  /// Open an exported ONNX file; throws Error where it is missing, damaged or not one of caloforge.
  explicit Simulator(const std::string& path, const Options& options = {});
  ~Simulator();
  Simulator(Simulator&&) noexcept;
  Simulator& operator=(Simulator&&) noexcept;

  const ModelInfo& info() const;
  const std::string& info_json() const;

  /// Showers of n incidents, n rows of info().n_cells energies [MeV]; the noise of each follows from seed and
  /// shower_id alone. Throws Error for an incident outside the training range.
  std::vector<float> simulate(const std::vector<Incident>& incidents, std::uint64_t seed) const;
  void simulate(const Incident* incidents, std::size_t n, std::uint64_t seed, float* showers) const;

  /// The same with given noise, n rows of info().noise standard normal values.
  void simulate_with_noise(const Incident* incidents, std::size_t n, const float* noise, float* showers) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace caloforge
