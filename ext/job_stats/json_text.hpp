// Whether a text is JSON, where json_valid() has said that it is none. That of SQLite before 3.42 says so, too, where it has no
// memory to find out, and a job would be missed without an error.
#pragma once

#include <string_view>

#include "memory.hpp"
#include "sqlite_api.hpp"

namespace warden::jobs {

/// True only for what every version of SQLite calls JSON. False means nothing: it may be JSON that is nested too deeply.
bool is_surely_json(std::string_view text) noexcept;

/// False, of a text of which json_valid() has just said that it is no JSON. Throws std::bad_alloc where that was wrong.
bool no_json(const vtab::Api* api, std::string_view text);

/// Appends json_valid(job.<column>) as a CASE that ends in an error for want of memory. For statements of ours, since it calls a
/// function of ours: warden_job_no_json().
void append_is_json(vtab::string& sql, std::string_view column);

}  // namespace warden::jobs
