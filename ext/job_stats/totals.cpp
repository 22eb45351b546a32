#include "totals.hpp"

#include <cmath>
#include <cstring>

namespace warden::jobs {
namespace {

/// One more than the largest INTEGER.
constexpr double kTwoTo63 = 9223372036854775808.0;

template <class T>
T number_at(std::string_view bytes) noexcept {
  T number{};
  std::memcpy(&number, bytes.data(), sizeof(number));
  return number;
}

template <class T>
void append_number(vtab::string& buffer, T number) {
  char bytes[sizeof(number)];
  std::memcpy(bytes, &number, sizeof(number));
  buffer.append(bytes, sizeof(bytes));
}

}  // namespace

std::string_view GroupKey::encode(const vtab::value& v, vtab::string& buffer) {
  buffer.clear();
  switch (v.type()) {
    case SQLITE_TEXT:
      buffer += kText;
      buffer += v.as_text();
      break;
    case SQLITE_INTEGER:
      buffer += kInteger;
      append_number(buffer, v.as_int64());
      break;
    case SQLITE_FLOAT: {
      const double number = v.as_double();
      const bool is_whole = number >= -kTwoTo63 && number < kTwoTo63 && number == std::trunc(number);
      buffer += is_whole ? kInteger : kReal;
      if (is_whole) {
        append_number(buffer, static_cast<std::int64_t>(number));
      } else {
        append_number(buffer, number);
      }
      break;
    }
    case SQLITE_BLOB:
      buffer += kBlob;
      buffer += v.as_bytes();
      break;
    default:
      buffer += kNull;
  }
  return buffer;
}

std::int64_t GroupKey::integer() const noexcept { return number_at<std::int64_t>(bytes()); }

double GroupKey::real() const noexcept {
  return encoded_[0] == kInteger ? static_cast<double>(integer()) : number_at<double>(bytes());
}

bool GroupKey::operator<(const GroupKey& other) const noexcept {
  if (is_number() && other.is_number()) {
    if (encoded_[0] == kInteger && other.encoded_[0] == kInteger) return integer() < other.integer();
    // The largest integers are rounded up to 2^63, which as a REAL is more than they are.
    const double a = real();
    const double b = other.real();
    return a != b ? a < b : encoded_[0] < other.encoded_[0];
  }
  if (encoded_[0] != other.encoded_[0]) return encoded_[0] < other.encoded_[0];
  return bytes() < other.bytes();
}

void GroupKey::put(const vtab::Api* api, sqlite3_context* context) const {
  if (is_null()) return api->result_null(context);
  switch (encoded_[0]) {
    case kInteger:
      return api->result_int64(context, integer());
    case kReal:
      return api->result_double(context, real());
    case kText:
      return api->result_text64(context, bytes().data(), bytes().size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    default:
      return api->result_blob64(context, bytes().data(), bytes().size(), SQLITE_TRANSIENT);
  }
}

}  // namespace warden::jobs
