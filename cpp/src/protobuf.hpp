#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace caloforge {

/// Fields of one protobuf message by number, in order, read strictly and without copies; throws Error if the bytes
/// are not in the wire format (protobuf.dev/programming-guides/encoding).
class Message {
 public:
  explicit Message(std::string_view content);

  bool has(std::uint64_t number) const { return fields_.count(number) > 0; }
  std::vector<std::uint64_t> numbers_of_fields() const;

  /// All occurrences of a length-delimited field.
  std::vector<std::string_view> all(std::uint64_t number) const;
  /// A length-delimited field that occurs at most once, since parsers differ in how they treat two; empty if absent.
  std::string_view text(std::uint64_t number) const;
  /// A field with one integer; 0 if it is absent.
  std::int64_t number(std::uint64_t number) const;
  /// Integers of a repeated field, packed or not.
  std::vector<std::int64_t> numbers(std::uint64_t number) const;
  /// Upper bound of the bytes of a field's occurrences with their tags.
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
