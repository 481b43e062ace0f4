#include "runtime.hpp"

#include <caloforge/error.hpp>

namespace caloforge {

namespace {

struct Named {
  const char* name;
  std::unique_ptr<Runtime> (*open)(const std::string&, const Options&);
};

constexpr Named built[] = {
#ifdef CALOFORGE_OPENVINO
    {"openvino", open_openvino},
#endif
#ifdef CALOFORGE_ONNXRUNTIME
    {"onnxruntime", open_onnxruntime},
#endif
};

}  // namespace

std::unique_ptr<Runtime> open_runtime(const std::string& model, const Options& options) {
  std::string known;
  for (const Named& runtime : built) {
    if (options.runtime.empty() || options.runtime == runtime.name) return runtime.open(model, options);
    known += std::string(known.empty() ? "" : ", ") + runtime.name;
  }
  throw Error("runtime '" + options.runtime + "' is not built in; built in: " + known);
}

}  // namespace caloforge
