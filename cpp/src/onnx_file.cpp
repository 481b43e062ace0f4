#include "onnx_file.hpp"

#include "protobuf.hpp"
#include "sha256.hpp"

#include <caloforge/error.hpp>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>

namespace caloforge {

namespace {

constexpr std::uint64_t graph_field = 7, metadata_field = 14;
constexpr std::size_t digest_size = 64;

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw Error(std::string("it cannot be opened: ") + std::strerror(errno));
  const std::streamoff size = file.tellg();
  // A folder opens like a file and then has an absurd size.
  if (size < 0 || size > std::streamoff{1} << 31) throw Error("it cannot be read as a file of up to 2 GiB");
  std::string content(static_cast<std::size_t>(size), '\0');
  file.seekg(0);
  if (!file.read(content.data(), size)) throw Error("it cannot be read");
  if (content.empty()) throw Error("it is empty");
  return content;
}

std::string onnx_metadata(const std::string& model, const std::string& key) {
  const Message message(model);
  if (!message.has(graph_field)) throw Error("it is not an ONNX model");
  std::string found;
  for (const std::string_view bytes : message.all(metadata_field)) {
    const Message entry(bytes);
    if (entry.text(1) == key) found = entry.text(2);
  }
  if (found.empty()) throw Error("it has no metadata key '" + key + "': it was not exported by caloforge");
  return found;
}

void check_digest(const std::string& model, const std::string& digest) {
  if (digest.empty()) return;
  const std::size_t place = model.find(digest);
  if (digest.size() == digest_size && place != std::string::npos &&
      model.find(digest, place + 1) == std::string::npos) {
    std::string content = model;
    content.replace(place, digest_size, digest_size, '0');
    if (sha256(content) == digest) return;
  }
  throw Error("it is damaged or was changed: its content does not match the digest in its metadata");
}

}  // namespace caloforge
