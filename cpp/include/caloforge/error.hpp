#pragma once

#include <stdexcept>

namespace caloforge {

/// An error of a user or in a file, described in one line.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace caloforge
