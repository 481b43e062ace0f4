// digest FILE   prints the SHA-256 of a file
#include "sha256.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::ifstream file(argv[1], std::ios::binary);
  std::printf("%s\n", caloforge::sha256({std::istreambuf_iterator<char>(file), {}}).c_str());
  return 0;
}
