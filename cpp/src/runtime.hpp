#pragma once

#include <caloforge/simulator.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace caloforge {

enum class Element { float32, int64, other };

/// An input of the graph: (rows, columns) of one element type.
struct Port {
  std::string name;
  Element element;
  std::int64_t columns;  ///< -1 where the graph leaves it open
};

/// A network ready to run; run() may be called by several threads at once.
class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual const std::vector<Port>& inputs() const = 0;

  /// Run `rows` rows; data[i] belongs to inputs()[i]; fills (rows, columns) of the output `showers`.
  virtual void run(std::size_t rows, const std::vector<const void*>& data, float* showers, std::size_t columns) = 0;
};

constexpr const char* output_name = "showers";

std::unique_ptr<Runtime> open_openvino(const std::string& model, const Options& options);
std::unique_ptr<Runtime> open_onnxruntime(const std::string& model, const Options& options);

/// Open an ONNX model's bytes with the runtime that the options name; throws Error.
std::unique_ptr<Runtime> open_runtime(const std::string& model, const Options& options);

}  // namespace caloforge
