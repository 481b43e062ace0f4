#include "runtime.hpp"

#include <caloforge/error.hpp>

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <array>

namespace caloforge {

namespace {

[[noreturn]] void fail(const Ort::Exception& error) {
  throw Error(std::string("ONNX Runtime cannot run it: ") + error.what());
}

Ort::SessionOptions settings(const Options& options) {
  if (options.precision != Precision::f32) throw Error("ONNX Runtime computes in f32 only");
  Ort::SessionOptions settings;
  settings.AddConfigEntry("session.load_model_format", "ONNX");  // the runtime must not guess another format
  settings.SetIntraOpNumThreads(1);  // the caller's thread computes, so that several callers compute at once
  return settings;
}

Port port_of(const std::string& name, const Ort::TypeInfo& info) {
  const auto shape = info.GetTensorTypeAndShapeInfo();
  const std::vector<std::int64_t> sizes = shape.GetShape();
  if (sizes.size() != 2) throw Error("input '" + name + "' has not two axes");
  const auto type = shape.GetElementType();
  return {name,
          type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT   ? Element::float32
          : type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 ? Element::int64
                                                        : Element::other,
          sizes[1]};
}

class OnnxRuntime : public Runtime {
 public:
  OnnxRuntime(const std::string& model, const Options& options) try
      : session_(environment_, model.data(), model.size(), settings(options)) {
    Ort::AllocatorWithDefaultOptions allocator;
    for (std::size_t i = 0; i < session_.GetInputCount(); ++i)
      inputs_.push_back(port_of(session_.GetInputNameAllocated(i, allocator).get(), session_.GetInputTypeInfo(i)));
  } catch (const Ort::Exception& error) {
    fail(error);
  }

  const std::vector<Port>& inputs() const override { return inputs_; }

  void run(std::size_t rows, const std::vector<const void*>& data, float* showers, std::size_t columns) override try {
    const auto out = call(rows, data, Ort::RunOptions{nullptr});
    const auto shape = out[0].GetTensorTypeAndShapeInfo();
    if (shape.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || shape.GetElementCount() != rows * columns)
      throw Error("output 'showers' is not float32 of one column per cell");
    std::copy_n(out[0].GetTensorData<float>(), rows * columns, showers);
  } catch (const Ort::Exception& error) {
    fail(error);
  }

 private:
  std::vector<Ort::Value> call(std::size_t rows, const std::vector<const void*>& data, const Ort::RunOptions& options) {
    std::vector<Ort::Value> values;
    std::vector<const char*> names;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      values.push_back(tensor(inputs_[i], rows, const_cast<void*>(data[i])));
      names.push_back(inputs_[i].name.c_str());
    }
    return session_.Run(options, names.data(), values.data(), values.size(), &output_name, 1);
  }

  Ort::Value tensor(const Port& port, std::size_t rows, void* data) const {
    const std::array<std::int64_t, 2> shape{static_cast<std::int64_t>(rows), port.columns};
    const std::size_t count = rows * static_cast<std::size_t>(port.columns);
    if (port.element == Element::int64)
      return Ort::Value::CreateTensor(memory_, static_cast<std::int64_t*>(data), count, shape.data(), 2);
    return Ort::Value::CreateTensor(memory_, static_cast<float*>(data), count, shape.data(), 2);
  }

  Ort::Env environment_{ORT_LOGGING_LEVEL_ERROR, "caloforge"};
  Ort::MemoryInfo memory_ = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  Ort::Session session_;
  std::vector<Port> inputs_;
};

}  // namespace

std::unique_ptr<Runtime> open_onnxruntime(const std::string& model, const Options& options) {
  return std::make_unique<OnnxRuntime>(model, options);
}

}  // namespace caloforge
