// exercise GOOD.onnx [BAD ...] uses the C interface like a careless host.
#include <caloforge/caloforge.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t showers = 300;  // more than one chunk
int failures = 0;

void check(bool holds, const std::string& what) {
  if (holds) return;
  std::printf("failed: %s (last error: %s)\n", what.c_str(), caloforge_last_error());
  ++failures;
}

std::vector<caloforge_incident> incidents() {
  std::vector<caloforge_incident> all;
  for (std::size_t i = 0; i < showers; ++i)
    all.push_back({1000.0 + 300.0 * static_cast<double>(i), 0, 0, 0, 0, 0, 11, static_cast<int64_t>(i)});
  return all;
}

bool close(const std::vector<float>& a, const std::vector<float>& b, std::size_t first) {
  std::size_t off = 0;
  for (std::size_t i = 0; i < b.size(); ++i) off += std::fabs(a[first + i] - b[i]) > 1e-5f * a[first + i] + 1e-3f;
  return off <= b.size() / 1000;  // cells that close to the threshold may flip
}

void check_threads(caloforge_model* model, std::size_t cells, const std::vector<float>& expected) {
  const std::vector<caloforge_incident> all = incidents();
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> found(4);
  const std::size_t share = showers / 4;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      found[t].resize(share * cells);
      for (int repeat = 0; repeat < 5; ++repeat)
        if (caloforge_simulate(model, share, &all[t * share], 7, nullptr, found[t].data(), found[t].size()) < 0)
          found[t].assign(found[t].size(), -1e9f);
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < 4; ++t)
    check(close(expected, found[t], t * share * cells), "thread " + std::to_string(t) + " gives the same showers");
}

void check_misuse(caloforge_model* model, std::size_t cells) {
  std::vector<caloforge_incident> one(1, incidents()[0]);
  std::vector<float> out(cells);
  const auto refused = [&](const char* what) {
    const bool failed = caloforge_simulate(model, 1, one.data(), 7, nullptr, out.data(), out.size()) == -1;
    check(failed && *caloforge_last_error(), what);
  };
  one[0].energy = 1e12;
  refused("an energy outside the range is refused");
  one[0].energy = std::nan("");
  refused("an energy that is no number is refused");
  one[0] = incidents()[0];
  one[0].pdg = 2212;
  refused("an unknown particle is refused");
  one[0] = incidents()[0];
  check(caloforge_simulate(model, 1, one.data(), 7, nullptr, out.data(), cells - 1) == -1, "a small buffer is refused");
  check(caloforge_simulate(model, 1, nullptr, 7, nullptr, out.data(), cells) == -1, "no incidents are refused");
  check(caloforge_simulate(model, 1, one.data(), ~0ull, nullptr, out.data(), cells) == -1, "a huge seed is refused");
  check(caloforge_simulate(nullptr, 0, nullptr, 7, nullptr, nullptr, 0) == -1, "no model is refused");
  check(caloforge_simulate(model, 1, one.data(), 7, nullptr, out.data(), cells) > 0 && !*caloforge_last_error(),
        "the model still works");
}

void check_good(const char* path) {
  caloforge_model* model = caloforge_open(path, "threads=4");
  check(model != nullptr, std::string(path) + " opens");
  if (!model) return;
  check(std::strstr(caloforge_info(model), "caloforge-model-2") != nullptr, "the metadata is told");
  const auto cells = static_cast<std::size_t>(caloforge_simulate(model, 0, nullptr, 7, nullptr, nullptr, 0));
  std::vector<float> expected(showers * cells);
  check(caloforge_simulate(model, showers, incidents().data(), 7, nullptr, expected.data(), expected.size()) > 0,
        "300 showers are simulated");
  check_threads(model, cells, expected);
  check_misuse(model, cells);
  caloforge_close(model);
}

void check_bad(const char* path) {
  caloforge_model* model = caloforge_open(path, nullptr);
  check(model == nullptr && *caloforge_last_error(), std::string(path) + " is refused with a reason");
  std::printf("%s\n", caloforge_last_error());
  caloforge_close(model);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  check_good(argv[1]);
  for (int i = 2; i < argc; ++i) check_bad(argv[i]);
  check(caloforge_open(nullptr, nullptr) == nullptr, "no path is refused");
  check(caloforge_open(argv[1], "speed=high") == nullptr, "an unknown option is refused");
  check(!*caloforge_info(nullptr), "no model tells nothing");
  caloforge_close(nullptr);
  return failures ? 1 : 0;
}
