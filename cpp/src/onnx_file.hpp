#pragma once

#include <string>

namespace caloforge {

/// Content of a file; throws Error where it cannot be read, is empty, or is larger than ONNX's 2 GiB.
std::string read_file(const std::string& path);

/// Value of a key of an ONNX model's metadata; throws Error where the bytes are not a whole ONNX model or have no
/// such key. Only the outermost message is read (onnx.proto3: ModelProto, graph = 7, metadata_props = 14).
std::string onnx_metadata(const std::string& model, const std::string& key);

/// Throws Error where a file is not the one that its metadata's digest stands for: SHA-256 of the file, in which the
/// digest itself counts as 64 zeros. Files without a digest, which older versions wrote, are let through.
void check_digest(const std::string& model, const std::string& digest);

}  // namespace caloforge
