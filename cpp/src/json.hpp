#pragma once

#include <caloforge/error.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace caloforge {

using Json = nlohmann::json;

/// Parse JSON text; throws Error if it is not JSON, too long or nested too deeply.
Json read_json(const std::string& text);

/// Readers of one value; they throw an Error that names the value if it has another type.
const Json& member(const Json& object, const char* key);
const std::string& text(const Json& object, const char* key);
double number(const Json& object, const char* key);
std::int64_t whole(const Json& object, const char* key, std::int64_t least, std::int64_t most);
const Json& list(const Json& object, const char* key);

/// Finite numbers of a list.
std::vector<double> numbers(const Json& values, const char* what);

/// Integers of a list, each between two bounds.
std::vector<std::int64_t> whole_numbers(const Json& values, const char* what, std::int64_t least, std::int64_t most);

}  // namespace caloforge
