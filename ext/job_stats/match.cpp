#include "match.hpp"

#include "function.hpp"
#include "job_tables.hpp"

namespace warden::jobs {
namespace {

constexpr char kPointerType[] = "warden_job_match";

template <int Slot>
void call(sqlite3_context* context, int, sqlite3_value** arguments) noexcept {
  const vtab::Api* api = vtab::slot_api[Slot];
  auto* matches = static_cast<Matcher*>(api->value_pointer(arguments[0], kPointerType));
  if (matches == nullptr) {
    api->result_error(context, "warden_job_match is for the job statistics alone", -1);
    return;
  }
  const int rc =
      vtab::guard([&] { api->result_int(context, (*matches)(vtab::value(api, arguments[1])) ? 1 : 0); },
                  [&](const char* text) { api->result_error(context, text, -1); });
  if (rc == SQLITE_NOMEM) {
    api->result_error_nomem(context);
  } else if (rc != SQLITE_OK) {
    api->result_error_code(context, rc);
  }
}

template <int... Slot>
constexpr auto calls(std::integer_sequence<int, Slot...>) {
  return std::array<void (*)(sqlite3_context*, int, sqlite3_value**), sizeof...(Slot)>{&call<Slot>...};
}
constexpr auto kCalls = calls(std::make_integer_sequence<int, vtab::kSlots>{});

}  // namespace

void Matcher::bind_to(Statement& statement) { statement.bind_pointer(1, this, kPointerType); }

int install_match(ext::SqliteConnection& connection) noexcept {
  return connection.api()->create_function_v2(
      connection.db(), "warden_job_match", 2, SQLITE_UTF8 | SQLITE_DIRECTONLY, nullptr,
      kCalls[static_cast<std::size_t>(connection.host().slot())], nullptr, nullptr, nullptr);
}

}  // namespace warden::jobs
