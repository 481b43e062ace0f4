#pragma once

#include <caloforge/simulator.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace caloforge {

enum class Element { float32, int64, other };

/// An input of the graph, of shape (rows, columns) and one element type.
struct Port {
  std::string name;
  Element element;
  std::int64_t columns;  ///< number of columns; -1 if it is free
};

/// A network that is ready to run; several threads may call run() at once.
class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual const std::vector<Port>& inputs() const = 0;

  /// Run `rows` rows of inputs, data[i] for inputs()[i], and fill the output `showers` (rows, columns).
  virtual void run(std::size_t rows, const std::vector<const void*>& data, float* showers, std::size_t columns) = 0;
};

constexpr const char* output_name = "showers";

std::unique_ptr<Runtime> open_openvino(const std::string& model, const Options& options);
std::unique_ptr<Runtime> open_onnxruntime(const std::string& model, const Options& options);

/// Open an ONNX model's bytes with the runtime of the options; throws Error on failure.
std::unique_ptr<Runtime> open_runtime(const std::string& model, const Options& options);

}  // namespace caloforge
