#pragma once

#include <cstddef>
#include <cstdint>

namespace caloforge {

/// Standard normal noise of one shower: `size` values that depend on (seed, shower_id) only. They equal those of the
/// Python package: numpy's SeedSequence([seed, shower_id, *b"noise"]), PCG64 and float32 ziggurat.
void normal_noise(std::uint64_t seed, std::int64_t shower_id, float* values, std::size_t size);

}  // namespace caloforge
