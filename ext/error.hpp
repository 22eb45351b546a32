// Errors at the boundary to C: one exception that carries a SQLite result code, and the one place that catches.
#pragma once

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "sqlite_api.hpp"

namespace warden::vtab {

/// An error with the SQLite result code it becomes (SQLITE_OK is no error, and becomes SQLITE_ERROR). Throw it with a
/// text that names the thing, says what was wrong and what would be right; everything else that is thrown becomes
/// SQLITE_NOMEM, SQLITE_ERROR or SQLITE_INTERNAL.
class error : public std::runtime_error {
 public:
  explicit error(const std::string& what, int code = SQLITE_ERROR)
      : std::runtime_error(what), code_(code == SQLITE_OK ? SQLITE_ERROR : code) {}
  int code() const noexcept { return code_; }

 private:
  int code_;
};

/// Runs `body()` so that nothing is thrown through C. `body` returns a SQLite result code or nothing (SQLITE_OK).
/// `report(const char*)` is called with the text of an error and must not throw; for want of memory it is not called.
template <class Body, class Report>
int guard(Body&& body, Report&& report) noexcept {
  try {
    if constexpr (std::is_void_v<decltype(body())>) {
      std::forward<Body>(body)();
      return SQLITE_OK;
    } else {
      return std::forward<Body>(body)();
    }
  } catch (const error& e) {
    report(e.what());
    return e.code();
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  } catch (const std::exception& e) {
    report(e.what());
    return SQLITE_ERROR;
  } catch (...) {
    report("an unknown exception was thrown");
    return SQLITE_INTERNAL;
  }
}

}  // namespace warden::vtab
