#include "engine.hpp"

#include <algorithm>

namespace warden::columns {
namespace {

/// Changed jobs are looked up one by one, and their rowids kept in memory: 8 MB of them. With more the table is read as quickly.
constexpr std::int64_t kMostChanged = 1'000'000;

vtab::string quoted(ext::SqliteConnection& self, std::string_view name) {
  vtab::string text{vtab::Allocator<char>(self.api())};
  jobs::append_identifier(text, name);
  return text;
}

}  // namespace

Engine::Engine(ext::SqliteConnection& self, const jobs::Source& source)
    : self_(self), metrics_(vtab::Allocator<std::string_view>(self.api())) {
  try {
    find(source);
  } catch (const vtab::error& e) {
    if ((e.code() & 0xff) != SQLITE_AUTH) throw;
    store_.reset();
    none_ = "the host's authorizer keeps warden from looking at the columns";
  }
}

void Engine::find(const jobs::Source& source) {
  ext::SqliteConnection& self = self_;
  const vtab::string nothing{vtab::Allocator<char>(self.api())};
  // Where SQLite finds a table whose schema isn't named.
  vtab::vector<vtab::string> schemas{vtab::Allocator<vtab::string>(self.api())};
  if (!source.schema_name().empty()) {
    schemas.emplace_back(source.schema_name(), nothing.get_allocator());
  } else {
    schemas.emplace_back("temp", nothing.get_allocator());
    Statement list(self, "SELECT name FROM pragma_database_list WHERE name <> 'temp' ORDER BY seq");
    while (list.step()) schemas.emplace_back(list.text(0), nothing.get_allocator());
  }
  for (const vtab::string& schema : schemas) {
    const std::string_view tables =
        self.api()->stricmp(schema.c_str(), "temp") == 0 ? ".sqlite_temp_master" : ".sqlite_master";
    Statement found;
    if (!Statement::if_there(self,
                             vtab::string(nothing)
                                 << "SELECT name FROM " << quoted(self, schema) << tables
                                 << " WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')",
                             found))
      continue;
    found.bind(1, source.table_name());
    if (!found.step()) continue;
    const vtab::string name(found.text(0), nothing.get_allocator());
    found = Statement();
    Statement all(self, vtab::string(nothing)
                            << "SELECT name FROM " << quoted(self, schema) << tables
                            << " WHERE type = 'table' AND sql LIKE 'create virtual table%job_columns%'");
    while (all.step()) {
      if (try_table(schema, all.text(0), name)) return;
    }
    return;
  }
}

bool Engine::try_table(std::string_view schema, std::string_view name, std::string_view source) {
  Store store(self_, schema, name);
  Statement snapshot;
  if (!Statement::if_there(
          self_, store.empty() << "SELECT value FROM " << store.table("config") << " WHERE key = 'source'",
          snapshot) ||
      !snapshot.step())
    return false;
  const vtab::string of(snapshot.text(0), vtab::Allocator<char>(self_.api()));
  if (self_.api()->stricmp(of.c_str(), std::string(source).c_str()) != 0) return false;
  Options options{store.empty(), store.empty()};
  try {
    options = store.options();
  } catch (const vtab::error& e) {
    if ((e.code() & 0xff) != SQLITE_ERROR) throw;
    none_ = e.what();  // such as a later version's
    return false;
  }
  if (const std::string trouble = store.trouble(options); !trouble.empty()) {
    none_ = "job_columns table \"" + std::string(name) + "\": " + trouble;
    return false;
  }
  store_.emplace(self_, schema, name);
  options_.emplace(std::move(options));
  snapshot_ = std::move(snapshot);
  names_.emplace(vtab::Allocator<vtab::string>(self_.api()));
  Statement metrics(self_, store.empty() << "SELECT value FROM " << store.table("value")
                                         << " WHERE \"column\" = " << kNamesOfMetrics << " ORDER BY code");
  while (metrics.step()) names_->emplace_back(metrics.text(0), vtab::Allocator<char>(self_.api()));
  for (const vtab::string& each : *names_) metrics_.push_back(each);
  return true;
}

std::string Engine::refusal(const jobs::Filter& filter, const jobs::Pass* pass) {
  if (!store_) return none_;
  if (!filter.joins().empty()) return "a job counts once for each of its tags";
  if (std::string why = Predicates::refusal(filter, *options_, metrics_); !why.empty()) return why;
  if (pass != nullptr) {
    if (std::string why = ColumnPass::refusal(*store_, *pass, *options_, metrics_); !why.empty()) return why;
  }
  Statement changed(self_, store_->empty() << "SELECT count(*) FROM (SELECT 1 FROM " << store_->table("delta")
                                           << " LIMIT " << kMostChanged + 1 << ")");
  changed.step();
  if (changed.integer(0) > kMostChanged) {
    return "more than " + std::to_string(kMostChanged) + " jobs have changed since; 'refresh' of \"" +
           std::string(name()) + "\" takes them in";
  }
  return {};
}

void Engine::run(jobs::Pass& pass, const jobs::Filter& filter) {
  vtab::vector<std::int64_t> changed{vtab::Allocator<std::int64_t>(self_.api())};
  {
    Statement delta(self_, store_->empty() << "SELECT id FROM " << store_->table("delta") << " ORDER BY id");
    while (delta.step()) changed.push_back(delta.integer(0));
  }
  ColumnPass(*store_, pass, filter, *options_, metrics_).run(changed);
}

vtab::string Engine::left_for_rows() {
  vtab::string condition = store_->empty();
  for (const std::string_view table : {"delta", "odd"}) {
    Statement any(self_, store_->empty() << "SELECT 1 FROM " << store_->table(table) << " LIMIT 1");
    if (!any.step()) continue;
    condition << (condition.empty() ? "job.rowid IN (SELECT id FROM " : " UNION SELECT id FROM ")
              << store_->table(table);
  }
  if (!condition.empty()) condition << ")";
  return condition;
}

}  // namespace warden::columns
