#include "onnx_rules.hpp"

#include "protobuf.hpp"

#include <caloforge/error.hpp>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string_view>

namespace caloforge {

namespace {

using Name = std::string_view;
using Numbers = std::vector<std::int64_t>;

constexpr std::uint64_t most_nodes = 10'000, most_depth = 8, most_work = 10'000'000, most_elements = 1 << 26;
constexpr std::int64_t most_trips = 10'000;
constexpr std::size_t most_numbers = 64;     // largest number of elements of a constant whose values are checked
constexpr std::uint64_t per_byte = 4;        // largest number of elements in a byte
constexpr std::uint64_t huge = std::uint64_t{1} << 62;
constexpr std::int64_t int32 = 6, int64 = 7;  // types of tensors

/// Names in scope, with the values of small constants; inner graphs see the names of the graphs around them.
struct Scope {
  const Scope* around;
  std::map<Name, Numbers> names;

  const Numbers* find(Name name) const {
    for (const Scope* scope = this; scope; scope = scope->around) {
      const auto found = scope->names.find(name);
      if (found != scope->names.end()) return &found->second;
    }
    return nullptr;
  }
};

std::uint64_t magnitude(std::int64_t n) {
  return n < 0 ? -static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
}

std::uint64_t times(std::uint64_t a, std::uint64_t b) { return b && a > huge / b ? huge : a * b; }

std::string shown(Name name) { return std::string(name.substr(0, 60)); }

void check_domain(Name domain) {
  if (!domain.empty() && domain != "ai.onnx")
    throw Error("it uses operators outside the ONNX standard, of '" + shown(domain) + "'");
}

void check_known(Name name, const Scope& scope) {
  if (!name.empty() && !scope.find(name))
    throw Error("'" + shown(name) + "' is used before it is made: its nodes form a cycle, or are not sorted");
}

/// Number of elements that a tensor's shape claims; huge if the shape holds a negative number.
std::uint64_t elements(const Message& tensor) {
  std::uint64_t size = 1;
  for (const std::int64_t n : tensor.numbers(1)) {
    if (n < 0) return huge;
    size = times(size, static_cast<std::uint64_t>(n));
  }
  return size;
}

/// Check that the elements of a tensor are in the file and that its shape claims no more, and return the tensor.
Message checked_tensor(Name bytes) {
  Message tensor(bytes);
  const Numbers location = tensor.numbers(14);
  if (tensor.has(13) || std::any_of(location.begin(), location.end(), [](std::int64_t n) { return n != 0; }))
    throw Error("it keeps its weights in other files; save it as one file");
  std::uint64_t stored = 0;
  for (const std::uint64_t field : {4, 5, 6, 7, 9, 10, 11}) stored += tensor.bytes(field);
  if (elements(tensor) > per_byte * stored)
    throw Error("a tensor claims " + std::to_string(elements(tensor)) + " elements and stores " +
                std::to_string(stored) + " bytes");
  return tensor;
}

/// The elements of a tensor of few integers; none for other tensors.
Numbers numbers_of(const Message& tensor) {
  const std::int64_t type = tensor.number(2);
  if ((type != int32 && type != int64) || elements(tensor) > most_numbers) return {};
  Numbers found;
  if (tensor.has(9)) {
    const Name raw = tensor.text(9);
    const std::size_t size = type == int32 ? 4 : 8;
    for (std::size_t start = 0; start + size <= raw.size() && found.size() < most_numbers; start += size) {
      std::uint64_t value = 0;
      for (std::size_t i = 0; i < size; ++i)
        value |= static_cast<std::uint64_t>(static_cast<unsigned char>(raw[start + i])) << 8 * i;
      found.push_back(type == int32 ? static_cast<std::int32_t>(value) : static_cast<std::int64_t>(value));
    }
    return found;
  }
  found = tensor.numbers(type == int32 ? 5 : 7);
  found.resize(std::min(found.size(), most_numbers));
  return found;
}

Numbers known(const std::vector<Name>& inputs, std::size_t place, const Scope& scope) {
  const Numbers* found = place < inputs.size() ? scope.find(inputs[place]) : nullptr;
  return found ? *found : Numbers();
}

std::uint64_t trip_count(const std::vector<Name>& inputs, const Scope& scope) {
  const Numbers found = known(inputs, 0, scope);
  if (found.size() != 1 || found[0] > most_trips)
    throw Error("a Loop needs a trip count that is a constant of the file, at most " + std::to_string(most_trips));
  return static_cast<std::uint64_t>(std::max<std::int64_t>(found[0], 1));
}

/// Reject nodes that lack a required input, which OpenVINO does not check.
void check_inputs(Name kind, const std::vector<Name>& inputs) {
  static const std::set<Name> two = {
      "Add", "Sub", "Mul", "Div", "Pow", "Mod", "PRelu", "And", "Or", "Xor", "Equal", "Less", "LessOrEqual",
      "Greater", "GreaterOrEqual", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "MatMul", "Gather",
      "GatherElements", "GatherND", "Expand", "Reshape", "Tile", "CastLike", "CumSum", "TopK", "Compress",
      "Gemm", "Conv", "ConvTranspose", "Pad", "Unsqueeze"};
  static const std::set<Name> three = {"Where",           "OneHot",    "Range",
                                       "Slice",           "ScatterND", "InstanceNormalization",
                                       "ScatterElements"};
  static const std::set<Name> none = {"Constant", "SequenceEmpty", "Optional"};
  static const std::set<Name> any = {"Min", "Max", "Sum", "Mean", "Concat"};  // none of their inputs may be empty
  const std::size_t needed = three.count(kind) ? 3 : two.count(kind) ? 2 : none.count(kind) ? 0 : 1;
  const std::size_t looked = any.count(kind) ? inputs.size() : std::min(needed, inputs.size());
  const auto missing = [](Name name) { return name.empty(); };
  if (inputs.size() < needed ||
      std::any_of(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(looked), missing))
    throw Error("a node of type " + shown(kind) + " lacks an input");
}

/// Reject operators whose result is huge because of constant sizes, or of the three constants of Range.
void check_sizes(Name kind, const std::vector<Name>& inputs, const Scope& scope) {
  static const std::map<Name, std::size_t> shaped = {
      {"ConstantOfShape", 0}, {"Expand", 1}, {"Tile", 1}, {"OneHot", 1}, {"Pad", 1}};
  std::uint64_t size = 0;
  const auto found = shaped.find(kind);
  if (found != shaped.end()) {
    size = 1;
    for (const std::int64_t n : known(inputs, found->second, scope))
      size = times(size, std::max<std::uint64_t>(magnitude(n), 1));
  }
  if (kind == "Range") {
    std::int64_t ends[3] = {0, 0, 0};
    for (std::size_t place = 0; place < 3; ++place) {
      const Numbers end = known(inputs, place, scope);
      if (!end.empty()) ends[place] = end[0];
    }
    const long double length = static_cast<long double>(ends[1]) - static_cast<long double>(ends[0]);
    size = static_cast<std::uint64_t>((length < 0 ? -length : length) /
                                      static_cast<long double>(std::max<std::uint64_t>(magnitude(ends[2]), 1)));
  }
  if (size > most_elements)
    throw Error("its operator " + shown(kind) + " makes over " + std::to_string(most_elements) + " elements");
}

/// Walk over graphs that checks and counts their nodes.
class Walk {
 public:
  void graph(const Message& graph, Scope scope, std::uint64_t depth, std::uint64_t trips) {
    if (depth > most_depth) throw Error("its graphs are nested over " + std::to_string(most_depth) + " deep");
    if (graph.has(15)) throw Error("it has sparse tensors");
    for (const Name entry : graph.all(11)) scope.names[Message(entry).text(1)] = {};
    for (const Name bytes : graph.all(5)) {
      const Message tensor = checked_tensor(bytes);
      scope.names[tensor.text(8)] = numbers_of(tensor);
    }
    for (const Name bytes : graph.all(1)) node(Message(bytes), scope, depth, trips);
    for (const Name entry : graph.all(12)) check_known(Message(entry).text(1), scope);
  }

 private:
  void node(const Message& node, Scope& scope, std::uint64_t depth, std::uint64_t trips) {
    static const std::set<Name> random = {"RandomNormal",      "RandomNormalLike", "RandomUniform",
                                          "RandomUniformLike", "Bernoulli",        "Multinomial"};
    if (++nodes_ > most_nodes || (work_ += trips) > most_work)
      throw Error("it has over " + std::to_string(most_nodes) + " nodes, or runs over " + std::to_string(most_work) +
                  " in a call");
    const Name kind = node.text(4);
    check_domain(node.text(7));
    if (random.count(kind)) throw Error("its operator " + shown(kind) + " draws random numbers; noise is an input");
    const std::vector<Name> inputs = node.all(1);
    for (const Name name : inputs) check_known(name, scope);
    check_inputs(kind, inputs);
    check_sizes(kind, inputs, scope);
    const std::uint64_t inner = kind == "Loop" ? times(trips, trip_count(inputs, scope)) : trips;
    Numbers value;
    for (const Name bytes : node.all(5)) attribute(Message(bytes), scope, depth, inner, value);
    for (const Name made : node.all(2)) scope.names[made] = kind == "Constant" ? value : Numbers();
  }

  void attribute(const Message& attribute, const Scope& scope, std::uint64_t depth, std::uint64_t trips,
                 Numbers& value) {
    if (attribute.has(21) || attribute.has(22) || attribute.has(23))
      throw Error("it has sparse tensors or attributes of functions");
    attribute.text(5);  // throws if the field occurs twice
    attribute.text(6);
    for (const std::uint64_t field : {5, 10})
      for (const Name bytes : attribute.all(field)) value = numbers_of(checked_tensor(bytes));
    if (attribute.text(1) == "value_int") value = attribute.numbers(3);
    if (attribute.text(1) == "value_ints") value = attribute.numbers(8);
    value.resize(std::min(value.size(), most_numbers));
    for (const std::uint64_t field : {6, 11})
      for (const Name bytes : attribute.all(field)) graph(Message(bytes), {&scope, {}}, depth + 1, trips);
  }

  std::uint64_t nodes_ = 0, work_ = 0;
};

}  // namespace

void check_onnx_rules(const std::string& content) {
  static const std::set<std::uint64_t> fields = {1, 2, 3, 4, 5, 6, 7, 8, 14, 26};  // known fields of a ModelProto
  const Message model(content);
  for (const std::uint64_t number : model.numbers_of_fields())
    if (!fields.count(number))
      throw Error("it is not an ONNX model, or defines functions or training graphs");
  if (!model.has(7)) throw Error("it is not an ONNX model");
  for (const Name opset : model.all(8)) check_domain(Message(opset).text(1));
  Walk().graph(Message(model.text(7)), {nullptr, {}}, 1, 1);
}

}  // namespace caloforge
