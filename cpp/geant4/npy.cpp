#include "npy.hpp"

#include <caloforge/error.hpp>

#include <cstdint>
#include <fstream>
#include <sstream>

namespace caloforge {

namespace {

template <typename Number>
const char* descr();
template <>
const char* descr<float>() { return "'<f4'"; }
template <>
const char* descr<double>() { return "'<f8'"; }
template <>
const char* descr<std::int32_t>() { return "'<i4'"; }

/// The header's text: a Python dictionary of descr, fortran_order and shape.
std::string read_header(std::istream& file) {
  char start[10] = {};
  if (!file.read(start, 10) || std::string(start, 6) != "\x93NUMPY" || start[6] != 1)
    throw Error("it is not a .npy file of version 1");
  const std::size_t size = static_cast<unsigned char>(start[8]) + 256u * static_cast<unsigned char>(start[9]);
  std::string header(size, '\0');
  if (!file.read(header.data(), static_cast<std::streamsize>(size))) throw Error("it is truncated");
  return header;
}

std::vector<std::size_t> read_shape(const std::string& header) {
  const std::size_t start = header.find("'shape': (");
  if (start == std::string::npos) throw Error("it does not tell its shape");
  std::istringstream stream(header.substr(start + 10, header.find(')', start) - start - 10));
  std::vector<std::size_t> shape;
  for (std::size_t axis = 0; stream >> axis; stream.ignore(1, ',')) shape.push_back(axis);
  return shape;
}

template <typename Number>
Npy<Number> read_from(std::istream& file, std::size_t bytes) {
  const std::string header = read_header(file);
  const std::vector<std::size_t> shape = read_shape(header);
  if (header.find(descr<Number>()) == std::string::npos || header.find("'fortran_order': False") == std::string::npos)
    throw Error(std::string("it does not hold rows of ") + descr<Number>());
  if (shape.empty() || shape.size() > 2) throw Error("it has not one or two axes");
  Npy<Number> array{shape[0], shape.size() == 2 ? shape[1] : 1, {}};
  const std::size_t most = bytes / sizeof(Number);
  if (array.rows > most || (array.rows && array.columns > most / array.rows)) throw Error("it is truncated");
  array.values.resize(array.rows * array.columns);
  const auto size = static_cast<std::streamsize>(array.values.size() * sizeof(Number));
  if (!file.read(reinterpret_cast<char*>(array.values.data()), size)) throw Error("it is truncated");
  return array;
}

}  // namespace

template <typename Number>
Npy<Number> read_npy(const std::string& path) try {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw Error("it cannot be read");
  const std::streamoff bytes = file.tellg();
  file.seekg(0);
  return read_from<Number>(file, bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
} catch (const Error& error) {
  throw Error(path + ": " + error.what());
}

template Npy<float> read_npy(const std::string&);
template Npy<double> read_npy(const std::string&);
template Npy<std::int32_t> read_npy(const std::string&);

}  // namespace caloforge
