#pragma once

#include <string>

namespace caloforge {

/// SHA-256 of bytes (FIPS 180-4), in hexadecimal digits.
std::string sha256(const std::string& bytes);

}  // namespace caloforge
