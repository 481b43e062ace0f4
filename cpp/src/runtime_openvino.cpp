#include "runtime.hpp"

#include <caloforge/error.hpp>

#include <openvino/openvino.hpp>

#include <algorithm>
#include <mutex>

namespace caloforge {

namespace {

/// The last line of OpenVINO's error is for users; the lines before it name source files.
[[noreturn]] void fail(const std::exception& error) {
  std::string text = error.what();
  text.erase(text.find_last_not_of(" \n") + 1);
  throw Error("OpenVINO cannot run it: " + text.substr(text.find_last_of('\n') + 1));
}

Element element_of(const ov::element::Type& type) {
  return type == ov::element::f32 ? Element::float32 : type == ov::element::i64 ? Element::int64 : Element::other;
}

Port port_of(const ov::Output<const ov::Node>& input) {
  const ov::PartialShape shape = input.get_partial_shape();
  const bool matrix = shape.rank().is_static() && shape.rank().get_length() == 2;
  if (!matrix) throw Error("input '" + input.get_any_name() + "' has not two axes");
  return {input.get_any_name(), element_of(input.get_element_type()),
          shape[1].is_static() ? shape[1].get_length() : -1};
}

ov::AnyMap settings(const Options& options) {
  const auto precision = options.precision == Precision::bf16 ? ov::element::bf16 : ov::element::f32;
  return {ov::hint::inference_precision(precision), ov::inference_num_threads(options.threads),
          ov::num_streams(options.threads), ov::hint::enable_cpu_pinning(false)};
}

class OpenVino : public Runtime {
 public:
  OpenVino(const std::string& model, const Options& options)
      : compiled_(core_.compile_model(model, ov::Tensor(), "CPU", settings(options))) {
    for (const auto& input : compiled_.inputs()) inputs_.push_back(port_of(input));
  }

  const std::vector<Port>& inputs() const override { return inputs_; }

  void run(std::size_t rows, const std::vector<const void*>& data, float* showers, std::size_t columns) override {
    ov::InferRequest request = take();
    for (std::size_t i = 0; i < inputs_.size(); ++i) feed(request, i, rows, data[i]);
    request.infer();
    const ov::Tensor output = request.get_tensor(output_name);
    if (output.get_element_type() != ov::element::f32 || output.get_shape() != ov::Shape{rows, columns})
      throw Error("output 'showers' is not float32 of one column per cell");
    std::copy_n(output.data<float>(), rows * columns, showers);
    give_back(std::move(request));
  }

 private:
  void feed(ov::InferRequest& request, std::size_t i, std::size_t rows, const void* data) const {
    const ov::Shape shape{rows, static_cast<std::size_t>(inputs_[i].columns)};
    const auto type = inputs_[i].element == Element::int64 ? ov::element::i64 : ov::element::f32;
    request.set_input_tensor(i, ov::Tensor(type, shape, const_cast<void*>(data)));
  }

  ov::InferRequest take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.empty()) return compiled_.create_infer_request();
    ov::InferRequest request = std::move(idle_.back());
    idle_.pop_back();
    return request;
  }

  void give_back(ov::InferRequest request) {
    const std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(std::move(request));
  }

  ov::Core core_;
  ov::CompiledModel compiled_;
  std::vector<Port> inputs_;
  std::mutex mutex_;
  std::vector<ov::InferRequest> idle_;
};

/// Runtime that converts OpenVINO's exceptions to Error, when opening and running a model.
class Guarded : public Runtime {
 public:
  Guarded(const std::string& model, const Options& options) try : runtime_(model, options) {
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail(error);
  }

  const std::vector<Port>& inputs() const override { return runtime_.inputs(); }

  void run(std::size_t rows, const std::vector<const void*>& data, float* showers, std::size_t columns) override try {
    runtime_.run(rows, data, showers, columns);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail(error);
  }

 private:
  OpenVino runtime_;
};

}  // namespace

std::unique_ptr<Runtime> open_openvino(const std::string& model, const Options& options) {
  return std::make_unique<Guarded>(model, options);
}

}  // namespace caloforge
