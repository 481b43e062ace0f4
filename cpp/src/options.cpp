#include <caloforge/simulator.hpp>

#include <sstream>

namespace caloforge {

namespace {

constexpr int most_threads = 1024;

int read_threads(const std::string& value) {
  const bool digits = !value.empty() && value.size() < 5 && value.find_first_not_of("0123456789") == std::string::npos;
  const int threads = digits ? std::stoi(value) : 0;
  if (threads < 1 || threads > most_threads) throw Error("option threads=" + value + " is not 1 to 1024");
  return threads;
}

bool choose(const std::string& key, const std::string& value, const char* first, const char* second) {
  if (value != first && value != second)
    throw Error("option " + key + "=" + value + " is unknown; known: " + first + ", " + second);
  return value == second;
}

void set(Options& options, const std::string& key, const std::string& value) {
  if (key == "precision")
    options.precision = choose(key, value, "f32", "bf16") ? Precision::bf16 : Precision::f32;
  else if (key == "threads")
    options.threads = read_threads(value);
  else if (key == "runtime")
    options.runtime = value;
  else if (key == "outside")
    options.allow_outside = choose(key, value, "refuse", "allow");
  else if (key == "trial")
    options.trial = !choose(key, value, "run", "skip");
  else
    throw Error("unknown option '" + key + "'; known: precision, threads, runtime, outside, trial");
}

}  // namespace

Options Options::parse(const std::string& words) {
  Options options;
  std::istringstream stream(words);
  for (std::string word; stream >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) throw Error("option '" + word + "' is not of the form key=value");
    set(options, word.substr(0, equals), word.substr(equals + 1));
  }
  return options;
}

}  // namespace caloforge
