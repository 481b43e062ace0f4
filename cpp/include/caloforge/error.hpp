#pragma once

#include <stdexcept>

namespace caloforge {

/// What a user or a file did wrong, in one line.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace caloforge
