#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace caloforge {

/// Numbers of a .npy file (numpy.lib.format) of one or two axes, row after row.
template <typename Number>
struct Npy {
  std::size_t rows, columns;
  std::vector<Number> values;
};

/// Read a little-endian, row-major file of this number type; throws Error. Number: float, double or int32.
template <typename Number>
Npy<Number> read_npy(const std::string& path);

}  // namespace caloforge
