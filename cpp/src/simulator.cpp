#include "onnx_file.hpp"
#include "onnx_rules.hpp"
#include "runtime.hpp"
#include "trial.hpp"

#include <caloforge/noise.hpp>
#include <caloforge/simulator.hpp>

#include <algorithm>
#include <cmath>

namespace caloforge {

namespace {

constexpr std::size_t chunk = 256;  // larger batches are not faster and need more memory
constexpr const char* metadata_key = "caloforge";

/// Inputs that a host can give: name, element type, columns (0 for the model's number of noise values).
struct Feed {
  const char* name;
  Element element;
  std::int64_t columns;
  void (*fill)(const ModelInfo&, const Incident&, float*);
};

const Feed feeds[] = {
    {"energy", Element::float32, 1, [](const ModelInfo&, const Incident& i, float* v) { *v = float(i.energy); }},
    {"theta", Element::float32, 1, [](const ModelInfo&, const Incident& i, float* v) { *v = float(i.theta); }},
    {"phi", Element::float32, 1,
     [](const ModelInfo& m, const Incident& i, float* v) { *v = float(m.limits.wrapped(i.phi)); }},
    {"position", Element::float32, 3,
     [](const ModelInfo&, const Incident& i, float* v) {
       v[0] = float(i.x);
       v[1] = float(i.y);
       v[2] = float(i.z);
     }},
    {"pdg", Element::int64, 1, nullptr},
    {"noise", Element::float32, 0, nullptr},
};

const Feed& find_feed(const std::string& name) {
  for (const Feed& feed : feeds)
    if (name == feed.name) return feed;
  throw Error("it asks for input '" + name + "', which no host knows; known: energy, theta, phi, position, pdg, noise");
}

const Feed& check_port(const Port& port, const ModelInfo& info) {
  const Feed& feed = find_feed(port.name);
  const std::int64_t columns = feed.columns ? feed.columns : static_cast<std::int64_t>(info.noise);
  if (port.element != feed.element || port.columns != columns)
    throw Error("input '" + port.name + "' has the wrong type or shape; (N, " + std::to_string(columns) + ") is right");
  return feed;
}

/// Rows of all inputs of one chunk, in the order of the graph's inputs.
class Batch {
 public:
  Batch(const ModelInfo& info, const std::vector<const Feed*>& wanted, const Incident* incidents, std::size_t n) {
    columns_.resize(wanted.size());
    for (std::size_t k = 0; k < wanted.size(); ++k)
      if (wanted[k]->fill) fill(info, *wanted[k], incidents, n, columns_[k]);
    for (std::size_t row = 0; row < n; ++row) pdg_.push_back(incidents[row].pdg);
  }

  std::vector<const void*> pointers(const std::vector<const Feed*>& wanted, const float* noise) const {
    std::vector<const void*> data;
    for (std::size_t k = 0; k < wanted.size(); ++k)
      data.push_back(wanted[k]->fill                        ? columns_[k].data()
                     : wanted[k]->element == Element::int64 ? static_cast<const void*>(pdg_.data())
                                                            : noise);
    return data;
  }

 private:
  static void fill(const ModelInfo& info, const Feed& feed, const Incident* incidents, std::size_t n,
                   std::vector<float>& column) {
    const auto width = static_cast<std::size_t>(feed.columns);
    column.resize(n * width);
    for (std::size_t row = 0; row < n; ++row) feed.fill(info, incidents[row], &column[row * width]);
  }

  std::vector<std::vector<float>> columns_;
  std::vector<std::int64_t> pdg_;
};

bool finite(const Incident& i) {
  return std::isfinite(i.energy) && std::isfinite(i.theta) && std::isfinite(i.phi) && std::isfinite(i.x) &&
         std::isfinite(i.y) && std::isfinite(i.z);
}

void check_showers(const float* showers, std::size_t size) {
  if (!std::all_of(showers, showers + size, [](float e) { return e >= 0 && e < HUGE_VALF; }))
    throw Error("the model gave energies that are negative or not finite");
}

}  // namespace

struct Simulator::Implementation {
  Options options;
  std::string json;
  ModelInfo info;
  std::unique_ptr<Runtime> runtime;
  std::vector<const Feed*> wanted;

  Implementation(const std::string& path, const std::string& model, const Options& chosen)
      : options(chosen), json(onnx_metadata(model, metadata_key)), info(ModelInfo::parse(json)) {
    check_onnx_rules(model);
    check_digest(model, info.digest);
    if (options.trial) try_in_child(path, options);
    runtime = open_runtime(model, options);
    for (const Port& port : runtime->inputs()) wanted.push_back(&check_port(port, info));
  }

  void check(const Incident& incident) const {
    if (!finite(incident) || incident.energy <= 0 || incident.shower_id < 0)
      throw Error("shower " + std::to_string(incident.shower_id) +
                  ": energy must be positive, the id not negative, all finite");
    const std::string why = options.allow_outside ? "" : info.outside(incident);
    if (!why.empty()) throw Error("shower " + std::to_string(incident.shower_id) + ": " + why);
  }

  void run(const Incident* incidents, std::size_t n, const float* noise, float* showers) const {
    const Batch batch(info, wanted, incidents, n);
    runtime->run(n, batch.pointers(wanted, noise), showers, info.n_cells);
    check_showers(showers, n * info.n_cells);
  }
};

Simulator::Simulator(const std::string& path, const Options& options) try
    : implementation_(std::make_unique<Implementation>(path, read_file(path), options)) {
} catch (const Error& error) {
  throw Error(path + ": " + error.what());
}

Simulator::~Simulator() = default;
Simulator::Simulator(Simulator&&) noexcept = default;
Simulator& Simulator::operator=(Simulator&&) noexcept = default;

const ModelInfo& Simulator::info() const { return implementation_->info; }
const std::string& Simulator::info_json() const { return implementation_->json; }

std::vector<float> Simulator::simulate(const std::vector<Incident>& incidents, std::uint64_t seed) const {
  std::vector<float> showers(incidents.size() * info().n_cells);
  simulate(incidents.data(), incidents.size(), seed, showers.data());
  return showers;
}

void Simulator::simulate(const Incident* incidents, std::size_t n, std::uint64_t seed, float* showers) const {
  if (seed >> 32) throw Error("seed " + std::to_string(seed) + " is outside 0 .. 2**32 - 1");
  const std::size_t width = info().noise;
  std::vector<float> noise(std::min(n, chunk) * width);
  for (std::size_t start = 0; start < n; start += chunk) {
    const std::size_t rows = std::min(chunk, n - start);
    for (std::size_t row = 0; row < rows; ++row)
      normal_noise(seed, incidents[start + row].shower_id, noise.data() + row * width, width);
    simulate_with_noise(incidents + start, rows, noise.data(), showers + start * info().n_cells);
  }
}

void Simulator::simulate_with_noise(const Incident* incidents, std::size_t n, const float* noise,
                                    float* showers) const {
  std::for_each(incidents, incidents + n, [this](const Incident& i) { implementation_->check(i); });
  for (std::size_t start = 0; start < n; start += chunk)
    implementation_->run(incidents + start, std::min(chunk, n - start), noise + start * info().noise,
                         showers + start * info().n_cells);
}

}  // namespace caloforge
