#include "text.hpp"

#include <cctype>

namespace caloforge {

namespace {

constexpr const char* space = " \t";
constexpr const char* blank = " \t\r\n";

Value read_value(Text& text);

bool in_key(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; }
bool in_comment(char c) { return c != '\n'; }

void skip_blank(Text& text) {
  for (text.skip(blank); text.accept('#'); text.skip(blank)) text.take_while(in_comment);
}

std::string read_key(Text& text) {
  text.skip(space);
  std::string key = text.peek() == '"' ? text.quoted() : text.take_while(in_key);
  if (key.empty()) text.fail("a key is missing");
  text.skip(space);
  return key;
}

void read_member(Text& text, Value& table) {
  Value& member = table.insert(read_key(text));
  text.expect('=');
  member = read_value(text);
}

Value read_inline_table(Text& text) {
  Value value;
  value.kind = Value::Kind::object;
  text.expect('{');
  text.skip(space);
  if (text.accept('}')) return value;
  do read_member(text, value);
  while (text.accept(','));
  text.expect('}');
  return value;
}

Value read_array(Text& text) {
  Value value;
  value.kind = Value::Kind::array;
  text.expect('[');
  for (skip_blank(text); text.peek() != ']'; skip_blank(text)) {
    value.array.push_back(read_value(text));
    skip_blank(text);
    if (!text.accept(',')) break;
  }
  text.expect(']');
  return value;
}

Value read_value(Text& text) {
  const Text::Depth guard(text);
  text.skip(space);
  Value value;
  if (text.peek() == '"') {
    value.kind = Value::Kind::string;
    value.string = text.quoted();
  } else {
    value = text.peek() == '{' ? read_inline_table(text) : text.peek() == '[' ? read_array(text) : text.literal();
  }
  text.skip(space);
  return value;
}

/// The table that a header names below `table`: the last one of a list, a new one where none exists.
Value& descend(Value& table, const std::string& key) {
  Value& next = table.find(key) ? const_cast<Value&>(table.at(key)) : table.insert(key);
  if (next.kind == Value::Kind::array && !next.array.empty()) return next.array.back();
  next.kind = Value::Kind::object;
  return next;
}

Value& append_table(Value& table, const std::string& key) {
  Value& list = table.find(key) ? const_cast<Value&>(table.at(key)) : table.insert(key);
  list.kind = Value::Kind::array;
  list.array.emplace_back();
  list.array.back().kind = Value::Kind::object;
  return list.array.back();
}

Value& read_header(Text& text, Value& root) {
  text.expect('[');
  const bool list = text.accept('[');
  Value* table = &root;
  std::string key = read_key(text);
  for (; text.accept('.'); key = read_key(text)) table = &descend(*table, key);
  table = list ? &append_table(*table, key) : &descend(*table, key);
  text.expect(']');
  if (list) text.expect(']');
  return *table;
}

}  // namespace

Value read_toml(const std::string& document) {
  Text text(document, "TOML");
  Value root;
  root.kind = Value::Kind::object;
  Value* table = &root;
  for (skip_blank(text); !text.finished(); skip_blank(text)) {
    if (text.peek() == '[')
      table = &read_header(text, root);
    else
      read_member(text, *table);
    text.skip(space);
    if (!text.finished() && text.peek() != '\n' && text.peek() != '\r' && text.peek() != '#')
      text.fail("text after a value");
  }
  return root;
}

}  // namespace caloforge
