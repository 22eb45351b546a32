// A checksum of 64 bits over words of eight bytes: it finds what goes wrong on disks, not what somebody forges. Damage within
// one word is found for certain, anything else but for one case in 2^64. Eight independent chains of multiplications, so
// that it reads many bytes at once; FORMAT.md defines it.
#pragma once

#include <cstdint>

#include "column.hpp"

namespace warden::columns {

/// `bytes.size()` must be a multiple of 8; any alignment.
std::uint64_t checksum(Bytes bytes) noexcept;

}  // namespace warden::columns
