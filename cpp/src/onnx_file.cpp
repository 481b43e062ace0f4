#include "onnx_file.hpp"

#include <caloforge/error.hpp>

#include <cstdint>
#include <fstream>
#include <string_view>

namespace caloforge {

namespace {

constexpr std::uint64_t graph_field = 7, metadata_field = 14;

/// One field of a protobuf message: its number and, where it has a length, its bytes.
struct Field {
  std::uint64_t number;
  std::string_view bytes;
};

/// Walks over the fields of a protobuf message (protobuf.dev/programming-guides/encoding).
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  bool finished() const { return rest_.empty(); }

  Field next() {
    const std::uint64_t tag = varint();
    switch (tag & 7) {
      case 0: varint(); return {tag >> 3, {}};
      case 1: return {tag >> 3, take(8)};
      case 2: return {tag >> 3, take(varint())};
      case 5: return {tag >> 3, take(4)};
      default: throw Error("it is not an ONNX model");
    }
  }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) throw Error("it is truncated or not an ONNX model");
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    throw Error("it is not an ONNX model");
  }

  std::string_view rest_;
};

/// Key and value of a StringStringEntryProto.
struct Entry {
  std::string_view key, value;
};

Entry read_entry(std::string_view message) {
  Entry entry;
  for (Fields fields(message); !fields.finished();) {
    const Field field = fields.next();
    if (field.number == 1) entry.key = field.bytes;
    if (field.number == 2) entry.value = field.bytes;
  }
  return entry;
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  // A folder opens like a file and then tells an absurd size.
  if (size < 0 || size > std::streamoff{1} << 31) throw Error("it cannot be read as a file of up to 2 GiB");
  std::string content(static_cast<std::size_t>(size), '\0');
  file.seekg(0);
  if (!file.read(content.data(), size)) throw Error("it cannot be read");
  if (content.empty()) throw Error("it is empty");
  return content;
}

std::string onnx_metadata(const std::string& model, const std::string& key) {
  bool graph = false;
  std::string found;
  for (Fields fields(model); !fields.finished();) {
    const Field field = fields.next();
    graph = graph || field.number == graph_field;
    if (field.number != metadata_field) continue;
    const Entry entry = read_entry(field.bytes);
    if (entry.key == key) found = entry.value;
  }
  if (!graph) throw Error("it is not an ONNX model");
  if (found.empty()) throw Error("it has no metadata key '" + key + "': it was not exported by caloforge");
  return found;
}

}  // namespace caloforge
