#pragma once

#include <string>

namespace caloforge {

/// Throws Error where an ONNX model breaks a rule: one file, standard operators, bounded nodes, loops, tensors and
/// depth, sorted nodes. `src/caloforge/simulators/onnx_rules.py` keeps the same rules.
void check_onnx_rules(const std::string& model);

}  // namespace caloforge
