// job_columns: a columnar copy of a table of jobs, exact at every moment.
//
//   CREATE VIRTUAL TABLE job_index USING job_columns(source=job);
//
// That reads all jobs, like CREATE INDEX, at some hundred thousand a second. The job statistics then use it by themselves.
// It can be read, too: its columns are those of the source that statistics and filters need, under their names, job_name out
// of meta_data, and a column for each metric that footprints had by the last 'refresh' or 'rebuild' (for the connection
// that has run it: when it opens the database anew).
//
// Options: source, a table of the same schema with an INTEGER PRIMARY KEY (job); metrics, a JSON array of the names of those
// that are kept, in quotes (all that are met); segment_jobs, 1024 to 65536 (65536).
//
// Commands: INSERT INTO job_index(job_index) VALUES (...)
//   'rebuild'          makes all anew out of the source
//   'refresh'          takes in the jobs that changed since; statistics are exact without it, but read those from the source
//   'refresh=3'        makes at most three segments anew for it: bounded work
//   'optimize'         as refresh, and puts small segments together
//   'integrity-check'  reads everything and compares it with the source; an error says what is wrong
#include <algorithm>
#include <memory>

#include "cursor.hpp"
#include "integrity.hpp"
#include "job_columns.hpp"
#include "job_tables.hpp"
#include "json_tree.hpp"
#include "sealer.hpp"

namespace warden::columns {
namespace {

/// One table of one connection. SQLite owns it: from xCreate or xConnect to xDestroy or xDisconnect. One whose options can't be
/// read can be dropped, and nothing else.
struct Table : sqlite3_vtab {
  Table(ext::SqliteConnection& connection, std::string_view schema, std::string_view name)
      : sqlite3_vtab{},
        self(connection),
        store(connection, schema, name),
        options{store.empty(), store.empty()},
        columns(vtab::Allocator<DeclaredColumn>(connection.api())) {
    try {
      options = store.options();
    } catch (const vtab::error& e) {
      const int kind = e.code() & 0xff;
      if (kind != SQLITE_ERROR && kind != SQLITE_CORRUPT)
        throw;  // such as a lock: another time it can be read
      trouble = e.what();
      options.fields = 1;  // it must have a column: id
    }
  }

  void declare();
  void command(const vtab::value& word);

  ext::SqliteConnection& self;
  Store store;
  Options options;
  vtab::vector<DeclaredColumn> columns;
  std::string trouble;  // with the options
};

struct Cursor : sqlite3_vtab_cursor {
  Cursor() : sqlite3_vtab_cursor{} {}
  std::optional<Scan> scan;
};

std::size_t number_of(std::string_view digits, std::size_t least, std::size_t most, std::string_view what) {
  std::size_t number = digits.empty() ? SIZE_MAX : 0;
  for (const char c : digits)
    number =
        c >= '0' && c <= '9' && number <= most ? number * 10 + static_cast<std::size_t>(c - '0') : SIZE_MAX;
  if (number < least || number > most)
    throw vtab::error("job_columns: " + std::string(what) + " must be " + std::to_string(least) + " to " +
                      std::to_string(most) + ", not \"" + std::string(digits.substr(0, 64)) + '"');
  return number;
}

Table& table_of(sqlite3_vtab* table) noexcept { return *static_cast<Table*>(table); }
Cursor& cursor_of(sqlite3_vtab_cursor* cursor) noexcept { return *static_cast<Cursor*>(cursor); }

template <class Body>
int guarded(sqlite3_vtab* base, Body&& body) noexcept {
  Table& table = table_of(base);
  const vtab::Api* api = table.self.api();
  bool told = true;
  const int rc = vtab::guard(std::forward<Body>(body), [&](const char* text) {
    api->free(table.zErrMsg);
    table.zErrMsg = api->mprintf("%s", text);
    told = table.zErrMsg != nullptr;
  });
  return told ? rc : SQLITE_NOMEM;
}

void Table::declare() {
  columns.clear();
  const auto memory = vtab::Allocator<char>(self.api());
  const auto is_new = [&](std::string_view name) {
    const vtab::string given(name, memory);
    return std::none_of(columns.begin(), columns.end(), [&](const DeclaredColumn& column) {
      return self.api()->stricmp(column.name.c_str(), given.c_str()) == 0;
    });
  };
  for (std::size_t i = 0; i < kFields; ++i) {
    const auto field = static_cast<Field>(i);
    if (!options.has(field) || field == Field::footprint) continue;
    columns.push_back(
        {vtab::string(field == Field::job_name ? "job_name" : kFieldSpecs[i].column, memory), field, 0});
  }
  Statement metrics;
  if (trouble.empty())
    metrics = Statement(self, store.empty() << "SELECT code, value FROM " << store.table("value")
                                            << " WHERE \"column\" = " << kNamesOfMetrics << " ORDER BY code");
  // SQLite allows 2000 columns.
  while (metrics && metrics.step()) {
    if (is_new(metrics.text(1)))
      columns.push_back({vtab::string(metrics.text(1), memory), std::nullopt,
                         static_cast<std::int64_t>(kFirstMetric) + metrics.integer(0) - 1});
  }
  vtab::string sql = store.empty();
  sql << "CREATE TABLE x(";
  for (const DeclaredColumn& column : columns) {
    jobs::append_identifier(sql, column.name);
    sql << (!column.field ? " REAL, " : has_codes(*column.field) ? " TEXT, " : " INTEGER, ");
  }
  jobs::append_identifier(sql, store.name());
  sql << " HIDDEN)";
  if (const int rc = self.api()->declare_vtab(self.db(), sql.c_str()); rc != SQLITE_OK)
    jobs::throw_last_error(self, rc, "job_columns: ");
  self.api()->vtab_config(self.db(), SQLITE_VTAB_DIRECTONLY);
}

void Table::command(const vtab::value& word) {
  self.own_call();
  if (!trouble.empty()) throw vtab::error(trouble);
  const std::string_view text = word.as_text();
  if (text == "rebuild") {
    Sealer(store).rebuild();
    options = store.options();
  } else if (text == "refresh") {
    Sealer(store).refresh(SIZE_MAX);
  } else if (text.starts_with("refresh=")) {
    Sealer(store).refresh(number_of(text.substr(8), 1, 1'000'000, "refresh"));
  } else if (text == "optimize") {
    Sealer(store).optimize();
  } else if (text == "integrity-check") {
    check_integrity(store, options);
  } else {
    throw vtab::error(
        "job_columns: a command is 'rebuild', 'refresh', 'refresh=N', 'optimize' or 'integrity-check', not "
        "\"" +
        std::string(text.substr(0, 64)) + '"');
  }
}

/// "name = value" of CREATE VIRTUAL TABLE; the value may be in quotes.
std::pair<std::string, std::string> option_of(std::string_view text) {
  const auto trim = [](std::string_view part) {
    while (!part.empty() &&
           (part.front() == ' ' || part.front() == '\t' || part.front() == '\n' || part.front() == '\r'))
      part.remove_prefix(1);
    while (!part.empty() &&
           (part.back() == ' ' || part.back() == '\t' || part.back() == '\n' || part.back() == '\r'))
      part.remove_suffix(1);
    return part;
  };
  const auto equals = text.find('=');
  if (equals == std::string_view::npos)
    throw vtab::error("job_columns: an option is written name=value, not \"" +
                      std::string(text.substr(0, 64)) + '"');
  const std::string_view value = trim(text.substr(equals + 1));
  std::string plain(value);
  if (value.size() >= 2 && (value.front() == '\'' || value.front() == '"') && value.back() == value.front()) {
    plain.clear();
    for (std::size_t i = 1; i + 1 < value.size(); ++i) {
      plain += value[i];
      if (value[i] == value.front() && value[i + 1] == value.front()) ++i;
    }
  }
  return {std::string(trim(text.substr(0, equals))), plain};
}

Options options_of(ext::SqliteConnection& self, int argc, const char* const* argv) {
  const auto memory = vtab::Allocator<char>(self.api());
  Options options{vtab::string("job", memory), vtab::string(memory)};
  for (int i = 3; i < argc; ++i) {
    const auto [name, value] = option_of(argv[i]);
    if (name == "source") {
      options.source = value;
    } else if (name == "metrics") {
      const jobs::JsonTree tree(self, value, "job_columns: metrics");
      if (tree.root().type != jobs::JsonNode::Type::array) tree.refuse_type(tree.root(), "an array of names");
      tree.each_child(tree.root(), [&](const jobs::JsonNode& node) {
        if (node.type != jobs::JsonNode::Type::text) tree.refuse_type(node, "a name");
        if (!jobs::is_metric_name(node.text)) tree.refuse(node, "must be letters, digits and underscores");
      });
      if (tree.count(tree.root()) > kMostMetrics)
        tree.refuse(tree.root(), "has more than " + std::to_string(kMostMetrics) + " names");
      options.metrics = value;
    } else if (name == "segment_jobs") {
      options.segment_jobs = static_cast<std::int64_t>(number_of(value, 1024, 65'536, "segment_jobs"));
    } else {
      throw vtab::error("job_columns: unknown option \"" + name.substr(0, 64) +
                        "\" (there are source, metrics and segment_jobs)");
    }
  }
  return options;
}

int make(void* aux, int argc, const char* const* argv, sqlite3_vtab** out, char** message,
         bool creates) noexcept {
  auto& self = *static_cast<ext::SqliteConnection*>(aux);
  const vtab::Api* api = self.api();
  bool told = true;
  const int rc = vtab::guard(
      [&] {
        if (creates) {
          Store store(self, argv[1], argv[2]);
          store.create(options_of(self, argc, argv));
          Sealer(store).rebuild();
        }
        auto table = vtab::make_owned<Table>(api, self, argv[1], argv[2]);
        table->declare();
        *out = table.release();
      },
      [&](const char* text) { told = (*message = api->mprintf("%s", text)) != nullptr; });
  return told ? rc : SQLITE_NOMEM;
}

int create(sqlite3*, void* aux, int argc, const char* const* argv, sqlite3_vtab** out,
           char** message) noexcept {
  return make(aux, argc, argv, out, message, true);
}
int connect(sqlite3*, void* aux, int argc, const char* const* argv, sqlite3_vtab** out,
            char** message) noexcept {
  return make(aux, argc, argv, out, message, false);
}
int disconnect(sqlite3_vtab* table) noexcept {
  vtab::unmake(table_of(table).self.api(), &table_of(table));
  return SQLITE_OK;
}
int destroy(sqlite3_vtab* table) noexcept {
  const int rc = guarded(table, [&] { table_of(table).store.drop(); });
  return rc == SQLITE_OK ? disconnect(table) : rc;
}
int rename(sqlite3_vtab* table, const char* name) noexcept {
  return guarded(table, [&] { table_of(table).store.rename(name); });
}

// Plans: a letter for each bound of id (a to c) and start_time (A to C): equal, from, to.
int best_index(sqlite3_vtab* base, sqlite3_index_info* info) noexcept {
  return guarded(base, [&] {
    Table& table = table_of(base);
    std::string plan;
    bool is_one = false;
    for (int i = 0; i < info->nConstraint; ++i) {
      const auto& constraint = info->aConstraint[i];
      if (constraint.usable == 0 || plan.size() == 8) continue;
      const bool is_id =
          constraint.iColumn == -1 ||
          (constraint.iColumn >= 0 && static_cast<std::size_t>(constraint.iColumn) < table.columns.size() &&
           table.columns[static_cast<std::size_t>(constraint.iColumn)].field == Field::id);
      const bool is_start =
          constraint.iColumn >= 0 && static_cast<std::size_t>(constraint.iColumn) < table.columns.size() &&
          table.columns[static_cast<std::size_t>(constraint.iColumn)].field == Field::start_time;
      if (!is_id && !is_start) continue;
      char letter = 0;
      switch (constraint.op) {
        case SQLITE_INDEX_CONSTRAINT_EQ:
          letter = 'a';
          break;
        case SQLITE_INDEX_CONSTRAINT_GT:
        case SQLITE_INDEX_CONSTRAINT_GE:
          letter = 'b';
          break;
        case SQLITE_INDEX_CONSTRAINT_LT:
        case SQLITE_INDEX_CONSTRAINT_LE:
          letter = 'c';
          break;
        default:
          continue;
      }
      is_one = is_one || (is_id && letter == 'a');
      plan += is_start ? static_cast<char>(letter - 'a' + 'A') : letter;
      info->aConstraintUsage[i].argvIndex = static_cast<int>(plan.size());
    }
    info->estimatedCost = is_one ? 1e3 : plan.empty() ? 1e7 : 1e6;
    info->estimatedRows = is_one ? 1 : plan.empty() ? 1'000'000 : 100'000;
    info->idxStr = table.self.api()->mprintf("%s", plan.c_str());
    if (info->idxStr == nullptr) throw std::bad_alloc();
    info->needToFreeIdxStr = 1;
  });
}

int open(sqlite3_vtab* base, sqlite3_vtab_cursor** out) noexcept {
  return guarded(base, [&] {
    if (!table_of(base).trouble.empty()) throw vtab::error(table_of(base).trouble);
    *out = vtab::make<Cursor>(table_of(base).self.api());
  });
}
int close(sqlite3_vtab_cursor* cursor) noexcept {
  vtab::unmake(table_of(cursor->pVtab).self.api(), &cursor_of(cursor));
  return SQLITE_OK;
}

/// Narrows from..to by a bound that is compared with integers; other values are left to SQLite.
void narrow(const vtab::Api* api, sqlite3_value* raw, char letter, std::int64_t& from, std::int64_t& to) {
  const vtab::value value(api, raw);
  if (value.type() != SQLITE_INTEGER) return;
  if (letter != 'c') from = std::max(from, value.as_int64());
  if (letter != 'b') to = std::min(to, value.as_int64());
}

int filter(sqlite3_vtab_cursor* base, int, const char* plan, int argc, sqlite3_value** argv) noexcept {
  return guarded(base->pVtab, [&] {
    Table& table = table_of(base->pVtab);
    Cursor& cursor = cursor_of(base);
    table.self.own_call();
    cursor.scan.reset();
    Bounds bounds;
    for (int i = 0; i < argc; ++i) {
      const bool is_start = plan[i] >= 'A' && plan[i] <= 'C';
      const char letter = is_start ? static_cast<char>(plan[i] - 'A' + 'a') : plan[i];
      if (is_start) {
        narrow(table.self.api(), argv[i], letter, bounds.start_from, bounds.start_to);
      } else {
        narrow(table.self.api(), argv[i], letter, bounds.id_from, bounds.id_to);
      }
    }
    cursor.scan.emplace(table.store, table.options, table.columns, bounds);
  });
}
int next(sqlite3_vtab_cursor* cursor) noexcept {
  return guarded(cursor->pVtab, [&] { cursor_of(cursor).scan->next(); });
}
int eof(sqlite3_vtab_cursor* cursor) noexcept {
  return !cursor_of(cursor).scan || cursor_of(cursor).scan->done();
}
int column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int which) noexcept {
  return guarded(cursor->pVtab,
                 [&] { cursor_of(cursor).scan->put(context, static_cast<std::size_t>(which)); });
}
int rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* out) noexcept {
  return guarded(cursor->pVtab, [&] { *out = cursor_of(cursor).scan->rowid(); });
}

int update(sqlite3_vtab* base, int argc, sqlite3_value** argv, sqlite3_int64* inserted) noexcept {
  return guarded(base, [&] {
    Table& table = table_of(base);
    const vtab::Api* api = table.self.api();
    const std::string name(table.store.name());
    const bool inserts = argc > 1 && api->value_type(argv[0]) == SQLITE_NULL;
    const vtab::value command(api, argv[argc - 1]);
    if (!inserts || command.is_null()) {
      throw vtab::error(
          "job_columns: \"" + name + "\" can't be written but by commands, such as INSERT INTO " + name +
          "(" + name + ") VALUES ('refresh'); write the table \"" + std::string(table.options.source) + "\"");
    }
    table.command(command);
    *inserted = 0;
  });
}

int is_shadow(const char* suffix) noexcept {
  return std::find(kShadows.begin(), kShadows.end(), std::string_view(suffix)) != kShadows.end();
}

const sqlite3_module* methods() noexcept {
  static constexpr sqlite3_module kMethods = [] {
    sqlite3_module m{};
    m.iVersion = 3;  // up to xShadowName
    m.xCreate = create;
    m.xConnect = connect;
    m.xBestIndex = best_index;
    m.xDisconnect = disconnect;
    m.xDestroy = destroy;
    m.xOpen = open;
    m.xClose = close;
    m.xFilter = filter;
    m.xNext = next;
    m.xEof = eof;
    m.xColumn = column;
    m.xRowid = rowid;
    m.xUpdate = update;
    m.xRename = rename;
    m.xShadowName = is_shadow;
    return m;
  }();
  return &kMethods;
}

}  // namespace

int install_job_columns(ext::SqliteConnection& connection) noexcept {
  return connection.api()->create_module_v2(connection.db(), "job_columns", methods(), &connection, nullptr);
}

}  // namespace warden::columns
