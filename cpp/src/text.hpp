#pragma once

#include "value.hpp"

#include <string>

namespace caloforge {

/// Reads the words that JSON and TOML share from a text; throws Error at the first character that does not fit.
class Text {
 public:
  Text(const std::string& text, const char* format) : text_(text), format_(format) {}

  bool finished() const { return position_ == text_.size(); }
  char peek() const { return finished() ? '\0' : text_[position_]; }
  char next();
  bool accept(char wanted);
  void expect(char wanted);
  void skip(const char* characters);
  std::string take_while(bool (*wanted)(char));
  std::string quoted();
  Value literal();
  [[noreturn]] void fail(const std::string& why) const;

  /// Guards against documents nested deeper than any honest one.
  class Depth {
   public:
    explicit Depth(Text& text);
    ~Depth() { --text_.depth_; }

   private:
    Text& text_;
  };

 private:
  unsigned hex(int digits);
  void escape(std::string& out);

  const std::string& text_;
  const char* format_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

/// Document from JSON text (RFC 8259).
Value read_json(const std::string& text);

/// Document from the TOML that caloforge writes: tables, arrays of tables, basic strings, numbers, booleans, arrays.
Value read_toml(const std::string& text);

}  // namespace caloforge
