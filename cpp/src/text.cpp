#include "text.hpp"

#include <caloforge/error.hpp>

#include <cctype>
#include <cstring>
#include <locale>
#include <sstream>

namespace caloforge {

namespace {

constexpr int deepest = 32;

bool in_literal(char c) { return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("+-._", c); }

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

}  // namespace

Text::Depth::Depth(Text& text) : text_(text) {
  if (++text_.depth_ > deepest) text_.fail("it is nested too deeply");
}

void Text::fail(const std::string& why) const {
  throw Error(std::string(format_) + " at character " + std::to_string(position_) + ": " + why);
}

char Text::next() {
  if (finished()) fail("it ends too early");
  return text_[position_++];
}

bool Text::accept(char wanted) {
  if (peek() != wanted || finished()) return false;
  ++position_;
  return true;
}

void Text::expect(char wanted) {
  if (!accept(wanted)) fail(std::string("'") + wanted + "' is missing");
}

void Text::skip(const char* characters) {
  while (!finished() && peek() != '\0' && std::strchr(characters, peek())) ++position_;
}

std::string Text::take_while(bool (*wanted)(char)) {
  const std::size_t start = position_;
  while (!finished() && peek() != '\0' && wanted(peek())) ++position_;
  return text_.substr(start, position_ - start);
}

unsigned Text::hex(int digits) {
  unsigned code = 0;
  for (int i = 0; i < digits; ++i) {
    const char c = next();
    const char* found = c ? std::strchr("0123456789abcdef", c | 0x20) : nullptr;
    if (!found) fail("bad \\u escape");
    code = code * 16 + static_cast<unsigned>(found - "0123456789abcdef");
  }
  return code;
}

void Text::escape(std::string& out) {
  static const char* const names = "\"\\/bfnrt";
  static const char* const values = "\"\\/\b\f\n\r\t";
  const char c = next();
  if (c == 'u') {
    unsigned code = hex(4);
    if (code >= 0xD800 && code < 0xDC00) {
      expect('\\');
      expect('u');
      const unsigned low = hex(4);
      if (low < 0xDC00 || low > 0xDFFF) fail("bad \\u pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    return append_utf8(out, code);
  }
  const char* found = c ? std::strchr(names, c) : nullptr;
  if (!found) fail("bad escape");
  out += values[found - names];
}

std::string Text::quoted() {
  std::string out;
  expect('"');
  for (char c = next(); c != '"'; c = next()) {
    if (static_cast<unsigned char>(c) < 0x20) fail("control character in a string");
    if (c == '\\')
      escape(out);
    else
      out += c;
  }
  return out;
}

Value Text::literal() {
  const std::string word = take_while(in_literal);
  Value value;
  if (word == "null") return value;
  if (word == "true" || word == "false") {
    value.kind = Value::Kind::boolean;
    value.boolean = word == "true";
    return value;
  }
  // A stream of the classic locale: strtod would read "0.5" as 0 in a program that speaks German.
  std::istringstream stream(word);
  stream.imbue(std::locale::classic());
  value.kind = Value::Kind::number;
  if (!(stream >> value.number) || stream.peek() != std::char_traits<char>::eof()) fail("'" + word + "' is no value");
  return value;
}

}  // namespace caloforge
