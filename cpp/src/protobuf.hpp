#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace caloforge {

/// Fields of one protobuf message by number, in order, read strictly and without copies; throws Error where the bytes
/// are not the wire format (protobuf.dev/programming-guides/encoding).
class Message {
 public:
  explicit Message(std::string_view content);

  bool has(std::uint64_t number) const { return fields_.count(number) > 0; }
  std::vector<std::uint64_t> numbers_of_fields() const;

  /// Every occurrence of a field that has a length.
  std::vector<std::string_view> all(std::uint64_t number) const;
  /// A field that has a length and occurs once at most, since parsers differ in what they make of two; empty if absent.
  std::string_view text(std::uint64_t number) const;
  /// A field that is one integer, 0 where it is absent.
  std::int64_t number(std::uint64_t number) const;
  /// Integers of a repeated field, packed or not.
  std::vector<std::int64_t> numbers(std::uint64_t number) const;
  /// Bytes of a field's occurrences with their tags, as an upper bound.
  std::uint64_t bytes(std::uint64_t number) const;

 private:
  struct Value {
    bool is_number;
    std::uint64_t number;
    std::string_view bytes;
  };

  const std::vector<Value>& values(std::uint64_t number) const;

  std::map<std::uint64_t, std::vector<Value>> fields_;
};

}  // namespace caloforge
