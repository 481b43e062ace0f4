#pragma once

#include <caloforge/error.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace caloforge {

using Json = nlohmann::json;

/// Document from JSON text; throws Error where it is none, is too long or is nested too deeply.
Json read_json(const std::string& text);

/// Readers of one value; they throw Error, which names the value, where it is of another kind.
const Json& member(const Json& object, const char* key);
const std::string& text(const Json& object, const char* key);
double number(const Json& object, const char* key);
std::int64_t whole(const Json& object, const char* key, std::int64_t least, std::int64_t most);
const Json& list(const Json& object, const char* key);

/// Finite numbers of a list.
std::vector<double> numbers(const Json& values, const char* what);

/// Whole numbers of a list, each between two bounds.
std::vector<std::int64_t> whole_numbers(const Json& values, const char* what, std::int64_t least, std::int64_t most);

}  // namespace caloforge
