#include "generator.hpp"

#include <sqlite3.h>

namespace warden::test {

Script make_script(std::uint64_t seed, Mode mode) { return Generator(seed, mode).make(); }

Generator::Generator(std::uint64_t seed, Mode mode)
    : random_(seed * 1'000'003 + static_cast<std::uint64_t>(mode)), alone_(spills_at_other_times(mode)) {
  script_.seed = seed;
  script_.mode = mode;
  script_.files_by_content = alone_;
}

Script Generator::make() {
  begin();
  const std::size_t length = script_.steps.size() + 30 + below(30);
  while (script_.steps.size() < length) next();
  for (const Step& step : script_.steps) {
    if (step.text.find("wal") != std::string::npos) script_.uses_wal = true;
  }
  return std::move(script_);
}

void Generator::begin() {
  // One connection, two or three to the same file, or two that share a cache.
  const bool shared = !alone_ && one_in(10);
  connections_ = alone_ ? 1 : one_in(2) ? 1 : 2 + static_cast<int>(below(2));
  if (shared) connections_ = 2;
  const bool no_file = connections_ == 1 && one_in(8);
  for (now_ = 0; now_ < connections_; ++now_) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
    flags |= one_in(3) ? SQLITE_OPEN_NOMUTEX : SQLITE_OPEN_FULLMUTEX;
    if (shared) flags |= SQLITE_OPEN_SHAREDCACHE;
    add(Do::open, shared ? "open with a shared cache" : "open", no_file ? ":memory:" : "<dir>/main.db")
        .number = flags;
  }
  now_ = 0;
  read_schema();
  if (one_in(4))
    add_sql("pragma page_size", "PRAGMA page_size = " + one_of({"512", "1024", "8192", "65536"}));
  if (one_in(5)) add_sql("pragma auto_vacuum", "PRAGMA auto_vacuum = " + one_of({"full", "incremental"}));
  if (one_in(8)) add_sql("pragma encoding", "PRAGMA encoding = 'UTF-16'");
  if (one_in(3)) add_sql("pragma journal_mode", "PRAGMA journal_mode = wal");
  if (one_in(6)) {
    script_.files_by_content = true;
    add_sql("pragma secure_delete", "PRAGMA secure_delete = " + one_of({"off", "fast"}));
  }
  if (one_in(2)) add_sql("pragma foreign_keys", "PRAGMA foreign_keys = on");
  for (int i = 0; i < 3; ++i) {
    if (one_in(2)) host_function();
  }
  if (one_in(3)) host_hook();
  for (std::size_t i = 0; i < 2 + below(2); ++i) create_table();
  insert();
  insert();
}

void Generator::read_schema() {
  // Settings are enforced when a connection opens, and that reads the schema. Without it the first statement would, and a
  // wrong one then fails with another code (SQLITE_SCHEMA for SQLITE_ERROR).
  if (script_.mode == Mode::settings) add(Do::exec, "first look", "SELECT count(*) FROM sqlite_schema");
}

void Generator::next() {
  now_ = static_cast<int>(below(static_cast<std::size_t>(connections_)));
  struct Choice {
    std::size_t weight;
    void (Generator::*make)();
  };
  static constexpr Choice kChoices[] = {
      {4, &Generator::create_table},   {3, &Generator::create_index},
      {2, &Generator::create_view},    {3, &Generator::create_trigger},
      {2, &Generator::create_virtual}, {3, &Generator::alter_or_drop},
      {20, &Generator::insert},        {10, &Generator::update_or_delete},
      {9, &Generator::transaction},    {4, &Generator::full_text},
      {3, &Generator::r_tree},         {2, &Generator::bulk},
      {14, &Generator::select},        {3, &Generator::recursive},
      {5, &Generator::window},         {5, &Generator::json},
      {3, &Generator::table_valued},   {3, &Generator::explain},
      {8, &Generator::pragma},         {3, &Generator::maintenance},
      {2, &Generator::attach},         {5, &Generator::mistake},
      {5, &Generator::constraint},     {14, &Generator::host},
      {8, &Generator::cursor},         {4, &Generator::two_connections},
  };
  static constexpr std::size_t kAll = [] {
    std::size_t all = 0;
    for (const Choice& choice : kChoices) all += choice.weight;
    return all;
  }();
  std::size_t at = below(kAll);
  for (const Choice& choice : kChoices) {
    if (at < choice.weight) return (this->*choice.make)();
    at -= choice.weight;
  }
}

Step& Generator::add(Do what, const std::string& kind, const std::string& text) {
  Step step;
  step.what = what;
  step.connection = now_;
  step.kind = kind;
  step.text = text;
  script_.steps.push_back(std::move(step));
  return script_.steps.back();
}

void Generator::add_sql(const std::string& kind, const std::string& sql) {
  // By one of the ways there are to run a statement.
  switch (below(8)) {
    case 0:
    case 1:
      add(Do::exec, kind, sql).number = one_in(6) ? 1 : 0;
      return;
    case 2:
      add(Do::get_table, kind, sql);
      return;
    case 3:
      add(Do::run, kind, sql).number = static_cast<std::int64_t>(below(3));
      return;
    default:
      add(Do::run, kind, sql);
  }
}

std::string Generator::one_of(std::initializer_list<const char*> texts) {
  return *(texts.begin() + below(texts.size()));
}

Bound Generator::value() {
  switch (below(6)) {
    case 0:
      return std::monostate();
    case 1:
      return static_cast<double>(below(1000)) / 8;
    case 2:
      return Blob(below(40), static_cast<unsigned char>(below(256)));
    case 3:
      return one_of({"alpha", "beta", "gamma", "", "12", "3.5", "a'b", "\xc3\xa4\xe2\x82\xac"});
    default:
      return static_cast<std::int64_t>(below(60)) - 5;
  }
}

const Generator::Table& Generator::some_table() {
  static const Table kNone{"t0", {"a", "b", "c"}, true, false};
  if (tables_.empty()) return kNone;
  return tables_[below(tables_.size())];
}

std::string Generator::column_of(const Table& table) {
  if (one_in(60)) return "zz";
  if (table.has_rowid && one_in(12)) return "rowid";
  return table.columns[below(table.columns.size())];
}

std::string Generator::columns_of(const Table& table) {
  std::string list;
  for (const std::string& column : table.columns) list += (list.empty() ? "" : ", ") + column;
  return list;
}

}  // namespace warden::test
