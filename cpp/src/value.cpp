#include "value.hpp"

#include <caloforge/error.hpp>

#include <cmath>

namespace caloforge {

namespace {

void require(bool holds, const char* what, const char* kind) {
  if (!holds) throw Error(std::string("'") + what + "' is not " + kind);
}

}  // namespace

const Value* Value::find(const std::string& key) const {
  for (const Member& member : object)
    if (member.key == key) return &member.value;
  return nullptr;
}

const Value& Value::at(const std::string& key) const {
  const Value* value = find(key);
  if (!value) throw Error("key '" + key + "' is missing");
  return *value;
}

Value& Value::insert(const std::string& key) {
  if (find(key)) throw Error("key '" + key + "' occurs twice");
  kind = Kind::object;
  object.push_back({key, {}});
  return object.back().value;
}

const std::string& Value::as_string(const char* what) const {
  require(kind == Kind::string, what, "text");
  return string;
}

double Value::as_number(const char* what) const {
  require(kind == Kind::number && std::isfinite(number), what, "a finite number");
  return number;
}

std::int64_t Value::as_integer(const char* what) const {
  const double value = as_number(what);
  require(value == std::floor(value) && std::fabs(value) < 9007199254740992.0, what, "a whole number");
  return static_cast<std::int64_t>(value);
}

bool Value::as_boolean(const char* what) const {
  require(kind == Kind::boolean, what, "true or false");
  return boolean;
}

const std::vector<Value>& Value::as_array(const char* what) const {
  require(kind == Kind::array, what, "a list");
  return array;
}

}  // namespace caloforge
