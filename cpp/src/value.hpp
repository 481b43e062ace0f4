#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace caloforge {

struct Member;

/// A value of a JSON or TOML document; the accessors throw Error where the kind is another.
class Value {
 public:
  enum class Kind { null, boolean, number, string, array, object };

  Kind kind = Kind::null;
  bool boolean = false;
  double number = 0;
  std::string string;
  std::vector<Value> array;
  std::vector<Member> object;

  const Value* find(const std::string& key) const;
  const Value& at(const std::string& key) const;
  Value& insert(const std::string& key);

  const std::string& as_string(const char* what) const;
  double as_number(const char* what) const;
  std::int64_t as_integer(const char* what) const;
  bool as_boolean(const char* what) const;
  const std::vector<Value>& as_array(const char* what) const;
};

struct Member {
  std::string key;
  Value value;
};

}  // namespace caloforge
