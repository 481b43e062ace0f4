#include "text.hpp"

namespace caloforge {

namespace {

constexpr const char* blank = " \t\r\n";

Value read_value(Text& text);

Value read_object(Text& text) {
  Value value;
  value.kind = Value::Kind::object;
  text.expect('{');
  text.skip(blank);
  if (text.accept('}')) return value;
  do {
    text.skip(blank);
    Value& member = value.insert(text.quoted());
    text.skip(blank);
    text.expect(':');
    member = read_value(text);
  } while (text.accept(','));
  text.expect('}');
  return value;
}

Value read_array(Text& text) {
  Value value;
  value.kind = Value::Kind::array;
  text.expect('[');
  text.skip(blank);
  if (text.accept(']')) return value;
  do value.array.push_back(read_value(text));
  while (text.accept(','));
  text.expect(']');
  return value;
}

Value read_string(Text& text) {
  Value value;
  value.kind = Value::Kind::string;
  value.string = text.quoted();
  return value;
}

Value read_value(Text& text) {
  const Text::Depth guard(text);
  text.skip(blank);
  Value value = text.peek() == '{'   ? read_object(text)
                : text.peek() == '[' ? read_array(text)
                : text.peek() == '"' ? read_string(text)
                                     : text.literal();
  text.skip(blank);
  return value;
}

}  // namespace

Value read_json(const std::string& document) {
  Text text(document, "JSON");
  Value value = read_value(text);
  if (!text.finished()) text.fail("text after the end");
  return value;
}

}  // namespace caloforge
