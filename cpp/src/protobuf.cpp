#include "protobuf.hpp"

#include <caloforge/error.hpp>

namespace caloforge {

namespace {

std::string_view take(std::string_view& rest, std::uint64_t size) {
  if (size > rest.size()) throw Error("it is truncated or not an ONNX model");
  const std::string_view bytes = rest.substr(0, size);
  rest.remove_prefix(size);
  return bytes;
}

std::uint64_t varint(std::string_view& rest) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(take(rest, 1)[0]);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  throw Error("it is not an ONNX model");
}

}  // namespace

Message::Message(std::string_view rest) {
  while (!rest.empty()) {
    const std::uint64_t tag = varint(rest);
    std::vector<Value>& field = fields_[tag >> 3];
    switch (tag & 7) {
      case 0: field.push_back({true, varint(rest), {}}); break;
      case 1: field.push_back({false, 0, take(rest, 8)}); break;
      case 2: {
        const std::uint64_t size = varint(rest);
        field.push_back({false, 0, take(rest, size)});
        break;
      }
      case 5: field.push_back({false, 0, take(rest, 4)}); break;
      default: throw Error("it is not an ONNX model");
    }
  }
}

const std::vector<Message::Value>& Message::values(std::uint64_t number) const {
  static const std::vector<Value> none;
  const auto found = fields_.find(number);
  return found == fields_.end() ? none : found->second;
}

std::vector<std::uint64_t> Message::numbers_of_fields() const {
  std::vector<std::uint64_t> found;
  for (const auto& field : fields_) found.push_back(field.first);
  return found;
}

std::vector<std::string_view> Message::all(std::uint64_t number) const {
  std::vector<std::string_view> found;
  for (const Value& value : values(number)) {
    if (value.is_number) throw Error("it is not an ONNX model");
    found.push_back(value.bytes);
  }
  return found;
}

std::string_view Message::text(std::uint64_t number) const {
  const std::vector<std::string_view> found = all(number);
  if (found.size() > 1) throw Error("it is not an ONNX model: a field that stands for one value occurs twice");
  return found.empty() ? std::string_view() : found[0];
}

std::int64_t Message::number(std::uint64_t number) const {
  const std::vector<Value>& found = values(number);
  if (found.size() > 1 || (found.size() == 1 && !found[0].is_number))
    throw Error("it is not an ONNX model: a field that stands for one number is none");
  return found.empty() ? 0 : static_cast<std::int64_t>(found[0].number);
}

std::vector<std::int64_t> Message::numbers(std::uint64_t number) const {
  std::vector<std::int64_t> found;
  for (const Value& value : values(number)) {
    if (value.is_number) found.push_back(static_cast<std::int64_t>(value.number));
    for (std::string_view rest = value.bytes; !rest.empty();) found.push_back(static_cast<std::int64_t>(varint(rest)));
  }
  return found;
}

std::uint64_t Message::bytes(std::uint64_t number) const {
  std::uint64_t sum = 0;
  for (const Value& value : values(number)) sum += value.is_number ? 9 : value.bytes.size() + 1;
  return sum;
}

}  // namespace caloforge
