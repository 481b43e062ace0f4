#pragma once

#include <string>

namespace caloforge {

/// Content of a file; throws Error if it cannot be read, is empty, or is larger than ONNX's 2 GiB.
std::string read_file(const std::string& path);

/// Value of a key of an ONNX model's metadata; throws Error if the bytes are not a whole ONNX model or have no
/// such key. Only the outermost message is read (onnx.proto3: ModelProto, graph = 7, metadata_props = 14).
std::string onnx_metadata(const std::string& model, const std::string& key);

/// Check the digest in the metadata, the SHA-256 of the file with 64 zeros in the digest's place; throws Error if it
/// differs. Files without a digest, which older versions wrote, are accepted.
void check_digest(const std::string& model, const std::string& digest);

}  // namespace caloforge
