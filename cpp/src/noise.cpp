#include <caloforge/noise.hpp>

#include <array>
#include <cmath>
#include <vector>

namespace caloforge {

namespace {

using Word = std::uint32_t;
__extension__ using Wide = unsigned __int128;

/// Seed mixing of M. E. O'Neill's randutils, as in numpy.random.SeedSequence (NEP 19).
class SeedSequence {
 public:
  explicit SeedSequence(const std::vector<Word>& entropy) {
    Word constant = 0x43b0d7e5;
    const auto hash = [&constant](Word value) {
      value ^= constant;
      constant *= 0x931e8875;
      value *= constant;
      return value ^ value >> 16;
    };
    for (std::size_t i = 0; i < 4; ++i) pool_[i] = hash(i < entropy.size() ? entropy[i] : 0);
    for (std::size_t from = 0; from < 4; ++from)
      for (std::size_t to = 0; to < 4; ++to)
        if (from != to) pool_[to] = mix(pool_[to], hash(pool_[from]));
    for (std::size_t from = 4; from < entropy.size(); ++from)
      for (Word& word : pool_) word = mix(word, hash(entropy[from]));
  }

  std::array<std::uint64_t, 4> state() const {
    std::array<std::uint64_t, 4> out{};
    Word constant = 0x8b51f9dd;
    for (std::size_t i = 0; i < 8; ++i) {
      Word value = pool_[i % 4] ^ constant;
      constant *= 0x58f38ded;
      value *= constant;
      out[i / 2] |= static_cast<std::uint64_t>(value ^ value >> 16) << (i % 2 ? 32 : 0);
    }
    return out;
  }

 private:
  static Word mix(Word x, Word y) {
    const Word value = x * 0xca01f9dd - y * 0x4973f715;
    return value ^ value >> 16;
  }

  std::array<Word, 4> pool_{};
};

/// Permuted congruential generator PCG XSL RR 128/64 (O'Neill 2014), drawn in halves, low half first.
class Pcg64 {
 public:
  explicit Pcg64(const std::array<std::uint64_t, 4>& seed)
      : increment_((join(seed[2], seed[3]) << 1) | 1), state_(increment_ + join(seed[0], seed[1])) {
    advance();
  }

  Word next() {
    if (has_half_) {
      has_half_ = false;
      return half_;
    }
    advance();
    const auto folded = static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
    const auto rotation = static_cast<unsigned>(state_ >> 122);
    const std::uint64_t word = (folded >> rotation) | (folded << (-rotation & 63));
    half_ = static_cast<Word>(word >> 32);
    has_half_ = true;
    return static_cast<Word>(word);
  }

  float uniform() { return static_cast<float>(next() >> 8) * (1.0f / 16777216.0f); }

 private:
  static Wide join(std::uint64_t high, std::uint64_t low) { return static_cast<Wide>(high) << 64 | low; }
  void advance() { state_ = state_ * join(2549297995355413924u, 4865540595714422341u) + increment_; }

  Wide increment_, state_;
  Word half_ = 0;
  bool has_half_ = false;
};

constexpr double tail = 3.6541528853610088;  // where the lowest strip ends
constexpr double strip_area = 0.004928673233974652;

/// Ziggurat of 256 strips (Marsaglia and Tsang 2000) with 23-bit steps; strip 0 holds the tail.
struct Ziggurat {
  std::array<Word, 256> inner{};    // steps below it are inside the strip at any height
  std::array<float, 256> width{};   // width of one step
  std::array<float, 256> height{};  // density at the strip's outer edge

  Ziggurat() {
    const double steps = 8388608;
    const auto density = [](double x) { return std::exp(-0.5 * x * x); };
    double outer = tail;
    const double base = strip_area / density(tail);
    inner[0] = static_cast<Word>(std::lround(tail / base * steps));
    width[0] = static_cast<float>(base / steps);
    height[0] = 1;
    for (int i = 255; i > 0; --i) {
      const double above = strip_area / outer + density(outer);
      const double next = i > 1 ? std::sqrt(-2 * std::log(above)) : 0;
      inner[i] = static_cast<Word>(std::lround(next / outer * steps));
      width[i] = static_cast<float>(outer / steps);
      height[i] = static_cast<float>(density(outer));
      outer = next;
    }
  }
};

float draw_tail(Pcg64& random, bool negative) {
  for (;;) {
    const float x = -static_cast<float>(1 / tail) * std::log1p(-random.uniform());
    const float y = -std::log1p(-random.uniform());
    const float far = static_cast<float>(tail) + x;
    if (y + y > x * x) return negative ? -far : far;
  }
}

float draw_normal(Pcg64& random, const Ziggurat& z) {
  for (;;) {
    const Word word = random.next();
    const Word strip = word & 0xFF;
    const Word step = word >> 9;
    const float x = static_cast<float>(step) * z.width[strip] * (word >> 8 & 1 ? -1.0f : 1.0f);
    if (step < z.inner[strip]) return x;
    if (strip == 0) return draw_tail(random, step >> 8 & 1);
    const float height = z.height[strip] + (z.height[strip - 1] - z.height[strip]) * random.uniform();
    if (height < std::exp(-0.5 * x * x)) return x;
  }
}

void append_words(std::vector<Word>& entropy, std::uint64_t number) {
  entropy.push_back(static_cast<Word>(number));
  if (number >> 32) entropy.push_back(static_cast<Word>(number >> 32));
}

}  // namespace

void normal_noise(std::uint64_t seed, std::int64_t shower_id, float* values, std::size_t size) {
  static const Ziggurat ziggurat;
  std::vector<Word> entropy;
  append_words(entropy, seed);
  append_words(entropy, static_cast<std::uint64_t>(shower_id));
  for (const char letter : {'n', 'o', 'i', 's', 'e'}) entropy.push_back(static_cast<Word>(letter));
  Pcg64 random(SeedSequence(entropy).state());
  for (std::size_t i = 0; i < size; ++i) values[i] = draw_normal(random, ziggurat);
}

}  // namespace caloforge
