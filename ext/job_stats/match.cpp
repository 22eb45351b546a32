#include "match.hpp"

#include "function.hpp"
#include "job_tables.hpp"
#include "json_text.hpp"

namespace warden::jobs {
namespace {

constexpr char kPointerType[] = "warden_job_match";

bool match(vtab::value matcher, vtab::value footprint) {
  auto* matches = static_cast<Matcher*>(matcher.api()->value_pointer(matcher.raw(), kPointerType));
  if (matches == nullptr) throw vtab::error("warden_job_match is for the job statistics alone");
  return (*matches)(footprint);
}

bool no_json_after_all(vtab::value text) {
  return no_json(text.api(), text.type() == SQLITE_BLOB ? text.as_bytes() : text.as_text());
}

}  // namespace

void Matcher::bind_to(Statement& statement) { statement.bind_pointer(1, this, kPointerType); }

int install_match(ext::SqliteConnection& connection) noexcept {
  return vtab::define<"warden_job_match", &match, "matcher", "footprint">(
      {connection.api(), connection.host().slot(), connection.db(), nullptr}, SQLITE_DIRECTONLY);
}

int install_no_json(ext::SqliteConnection& connection) noexcept {
  // Deterministic: of others SQLite 3.40 lets a CHECK call what is DIRECTONLY.
  return vtab::define<"warden_job_no_json", &no_json_after_all, "text">(
      {connection.api(), connection.host().slot(), connection.db(), nullptr},
      SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY);
}

}  // namespace warden::jobs
