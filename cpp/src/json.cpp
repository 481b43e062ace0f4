#include "json.hpp"

#include <cmath>
#include <limits>

namespace caloforge {

namespace {

constexpr std::size_t most_text = std::size_t{64} << 20;  // the same limit as in Python
constexpr int deepest = 32;

void require(bool holds, const char* what, const char* kind) {
  if (!holds) throw Error(std::string("'") + what + "' is not " + kind);
}

double finite(const Json& value, const char* what) {
  require(value.is_number() && std::isfinite(value.get<double>()), what, "a finite number");
  return value.get<double>();
}

std::int64_t bounded(const Json& value, const char* what, std::int64_t least, std::int64_t most) {
  require(value.is_number_integer(), what, "a whole number");
  const bool huge = value.is_number_unsigned() && value.get<std::uint64_t>() >> 63;
  const std::int64_t found = huge ? std::numeric_limits<std::int64_t>::max() : value.get<std::int64_t>();
  if (found < least || found > most) throw Error(std::string("'") + what + "' is " + value.dump());
  return found;
}

}  // namespace

Json read_json(const std::string& text) {
  if (text.size() > most_text) throw Error("its metadata are longer than " + std::to_string(most_text >> 20) + " MiB");
  const auto check_depth = [](int depth, Json::parse_event_t, Json&) {
    if (depth > deepest) throw Error("its metadata are nested too deeply");
    return true;
  };
  try {
    return Json::parse(text, check_depth);
  } catch (const Json::exception& error) {
    throw Error(std::string("its metadata are not JSON: ") + std::string(error.what()).substr(0, 200));
  }
}

const Json& member(const Json& object, const char* key) {
  require(object.is_object(), key, "in a JSON object");
  const auto found = object.find(key);
  if (found == object.end()) throw Error(std::string("key '") + key + "' is missing");
  return *found;
}

const std::string& text(const Json& object, const char* key) {
  const Json& value = member(object, key);
  require(value.is_string(), key, "text");
  return value.get_ref<const std::string&>();
}

double number(const Json& object, const char* key) { return finite(member(object, key), key); }

std::int64_t whole(const Json& object, const char* key, std::int64_t least, std::int64_t most) {
  return bounded(member(object, key), key, least, most);
}

const Json& list(const Json& object, const char* key) {
  const Json& value = member(object, key);
  require(value.is_array(), key, "a list");
  return value;
}

std::vector<double> numbers(const Json& values, const char* what) {
  require(values.is_array(), what, "a list");
  std::vector<double> found;
  found.reserve(values.size());
  for (const Json& value : values) found.push_back(finite(value, what));
  return found;
}

std::vector<std::int64_t> whole_numbers(const Json& values, const char* what, std::int64_t least, std::int64_t most) {
  require(values.is_array(), what, "a list");
  std::vector<std::int64_t> found;
  found.reserve(values.size());
  for (const Json& value : values) found.push_back(bounded(value, what, least, most));
  return found;
}

}  // namespace caloforge
