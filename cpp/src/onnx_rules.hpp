#pragma once

#include <string>

namespace caloforge {

/// Check the rules of ONNX models: one file, standard operators, sorted nodes, bounded nodes, loops, tensors and
/// depth; throws Error if one is broken. `src/caloforge/simulators/onnx_rules.py` has the same rules.
void check_onnx_rules(const std::string& model);

}  // namespace caloforge
