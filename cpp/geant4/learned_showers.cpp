#include <caloforge/shower_source.hpp>

namespace caloforge {

namespace {

caloforge_model* open(const std::string& path, const std::string& options) {
  caloforge_model* model = caloforge_open(path.c_str(), options.c_str());
  if (!model) throw Error(caloforge_last_error());
  return model;
}

}  // namespace

LearnedShowers::LearnedShowers(const std::string& path, const std::string& options)
    : model_(open(path, options)) {
  try {
    info_ = ModelInfo::parse(caloforge_info(model_));
    cells_ = Cells::parse(caloforge_info(model_));
    if (cells_.size() != info_.n_cells)
      throw Error("its table has " + std::to_string(cells_.size()) + " cells, its showers " +
                  std::to_string(info_.n_cells));
  } catch (const Error& error) {
    caloforge_close(model_);
    throw Error(path + ": " + error.what());
  } catch (...) {
    caloforge_close(model_);
    throw;
  }
}

LearnedShowers::~LearnedShowers() { caloforge_close(model_); }

std::vector<float> LearnedShowers::simulate(const std::vector<Incident>& incidents, std::uint64_t seed) const {
  std::vector<float> showers(incidents.size() * info_.n_cells);
  if (caloforge_simulate(model_, incidents.size(), incidents.data(), seed, nullptr, showers.data(), showers.size()) < 0)
    throw Error(caloforge_last_error());
  return showers;
}

}  // namespace caloforge
