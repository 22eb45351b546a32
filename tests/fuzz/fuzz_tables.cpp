// All tables of warden under SQL of every kind: the rows are those that SQLite alone finds among all rows of the tables, and an
// error is that of an argument. UPDATE of warden_settings changes what WHERE meets; nothing else can be written.
//
// The first byte of the input says what is done, the rest makes the SQL (table_queries.hpp).
#include "linked_host.hpp"
#include "table_queries.hpp"
#include "watchdog/warden.hpp"

namespace {

using namespace warden;
using fuzz::require;

/// What a join of whole tables may take, in instructions of SQLite.
constexpr int kMostInstructions = 100'000;
/// Settings that disturb nobody, whatever they are.
const std::string kHarmless =
    "('idle_grace_ms', 'idle_keep', 'trim_above', 'show_sql', 'release_above', 'dry_run', 'cancel_after_ms')";

/// Jobs whose columns hold what their names don't promise; but no numbers for texts nor the other way round, since the subquery
/// of the second text would make them what the column says (untrusted/test_values has those).
const std::string kOdd =
    "UPDATE odd SET start_time = 2000.0, job_id = 102.0, hpc_user = '' WHERE id = 2;"
    "UPDATE odd SET start_time = 2800.5, job_id = 'none', project = x'7031' WHERE id = 3;"
    "UPDATE odd SET start_time = NULL, job_state = x'00', cluster = 'ALEX ' WHERE id = 4;"
    "UPDATE odd SET start_time = 'then', cluster = NULL, num_nodes = 'x', energy = 'y' WHERE id = 5;";
const std::string kModules =
    "SELECT iif(name = 'job_columns', 'job_index', name) FROM pragma_module_list WHERE name LIKE 'warden%' "
    "OR "
    "name LIKE 'job%'";

/// A host whose tables have rows and stand still.
const fuzz::LinkedHost& host() {
  static const fuzz::LinkedHost* const made = [] {
    constexpr std::array<std::pair<const char*, const char*>, 3> kEnvironment{
        {{"WARDEN_STATEMENT_STATS", "off"}, {"WARDEN_EVENTS", "12"}, {"WARDEN_HISTORY", "8"}}};
    auto* host = new fuzz::LinkedHost(true, kEnvironment);
    const std::string names = host->ask("SELECT group_concat(name) FROM pragma_table_info('job')").value();
    host->db().rows("CREATE TABLE odd(" + names + "); INSERT INTO odd SELECT * FROM job;" + kOdd +
                    "CREATE VIEW seen AS SELECT * FROM job");
    for (const std::string& table : host->db().rows(kModules)) {
      const auto is_it = [&](const fuzz::TableInfo& known) { return known.name == table; };
      require(std::any_of(fuzz::all_tables().begin(), fuzz::all_tables().end(), is_it), "all tables are here",
              table);
    }
    host->ask("SELECT warden_set('statement_stats', 1)");
    for (const char* sql :
         {"SELECT count(*) FROM job", "SELECT * FROM job WHERE id = 2", "SELECT max(id) FROM job"})
      host->ask(sql);
    host->ask("SELECT warden_set('statement_stats', 0), warden_label('alice')");
    Journal& journal = Warden::instance().journal;
    for (int i = 1; i <= 6; ++i) {
      Event event;
      event.action = i % 2 == 0 ? Action::release : Action::warn;
      event.reason = "idle";
      event.measured_bytes = i;
      event.threshold_bytes = 3600;
      journal.record(event);
      Sample sample{};
      sample.at_ms = i / 2;
      sample.sqlite_bytes = i * 100;
      sample.pressure_ratio = i == 3 ? -1 : 0.5;
      journal.record(sample);
    }
    sqlite3_progress_handler(
        host->get(), kMostInstructions, [](void*) { return 1; }, nullptr);
    return host;
  }();
  return *made;
}

bool is_one_of(const std::string& text, const std::vector<std::string>& all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

void judge_select(fuzz::Bytes& input) {
  fuzz::Generator generator(input);
  const fuzz::Query query = generator.select();
  fuzz::Answer asked = host().ask(query.asked);
  fuzz::Answer plain = host().ask(query.plain);
  if (std::getenv("FUZZ_SHOW") != nullptr)
    std::fprintf(stderr, "%s\n  %s\n%s\n  %s\n", query.asked.c_str(), asked.all().c_str(),
                 query.plain.c_str(), plain.all().c_str());
  for (const fuzz::Answer* answer : {&asked, &plain}) {
    if (answer->code == SQLITE_INTERRUPT) return;
    require(answer->code == SQLITE_OK || answer->code == SQLITE_ERROR, "it is rows or an error", query.asked,
            answer->error);
  }
  if (asked.refused() || plain.refused()) {
    std::vector<std::string> errors{asked.refused() ? plain.error : asked.error};
    for (const std::string& whole : generator.whole_tables()) errors.push_back(host().ask(whole).error);
    const std::string& error = asked.refused() ? asked.error : plain.error;
    require(is_one_of(error, errors) || error.find("function MATCH") != error.npos,
            "an error is that of an argument, whatever WHERE says", query.asked, error);
    return;
  }
  if (fuzz::planted() && !asked.rows.empty() && query.asked.find(" BETWEEN ") != query.asked.npos)
    asked.rows.pop_back();
  std::sort(asked.rows.begin(), asked.rows.end());
  std::sort(plain.rows.begin(), plain.rows.end());
  require(asked.rows == plain.rows, "the rows are those that SQLite finds among all of them",
          query.asked + "\n  -> " + asked.all(), query.plain + "\n  -> " + plain.all());
}

void judge_update(fuzz::Bytes& input) {
  static const std::vector<std::string> kValues{"'500'", "'10%'", "'64MiB'", "'auto'", "'full'",
                                                "NULL",  "7",     "1.5",     "x'00'",  "''"};
  const std::string value = input.one_of(kValues);
  fuzz::Generator generator(input);
  const fuzz::Query condition = generator.condition_on(fuzz::all_tables().front());
  const std::string all = "(SELECT rowid AS rowid, * FROM warden_settings LIMIT -1 OFFSET 0) AS t0";
  const std::string others = "SELECT name, value FROM " + all + " WHERE name NOT IN ";
  const fuzz::Answer met = host().ask("SELECT quote(name) FROM " + all + " WHERE " + condition.plain +
                                      " AND name IN " + kHarmless);
  std::string names = "('')";
  for (const std::string& name : met.rows) names.insert(names.size() - 1, ", " + name);
  const fuzz::Answer before = host().ask(others + names);
  const fuzz::Answer update = host().ask("UPDATE warden_settings AS t0 SET value = " + value + " WHERE " +
                                         condition.asked + " AND t0.name IN " + kHarmless);
  require(host().ask(others + names).rows == before.rows, "an UPDATE changes no other setting",
          condition.asked);
  if (update.refused()) {
    require(update.code == SQLITE_INTERRUPT || update.error.starts_with("warden_settings: ") ||
                update.error == met.error || update.error.find("function MATCH") != std::string::npos,
            "what can't be set is refused by name", update.error);
  } else if (!met.refused()) {
    const std::string wanted = value == "NULL" ? "default_value" : "CAST(" + value + " AS TEXT)";
    require(host().ask("SELECT count(*) FROM " + all + " WHERE value IS " + wanted + " AND name IN " + names)
                    .value() == std::to_string(met.rows.size()),
            "an UPDATE changes what WHERE meets", condition.asked, value);
  }
  host().ask("SELECT warden_reset()");
}

void judge_writing(fuzz::Bytes& input) {
  const fuzz::TableInfo& table = input.one_of(fuzz::all_tables());
  const std::string column = input.one_of(table.columns);
  const std::string before = host().ask("SELECT count(*) FROM warden_settings").value();
  const std::array<std::string, 3> statements{
      "INSERT INTO " + table.name + "(" + column + ") VALUES (1)",
      "DELETE FROM " + table.name + " WHERE " + column + " IS NOT NULL",
      "UPDATE " + table.name + " SET " + column + " = 'elsewhere'"};
  const std::string& sql = input.one_of(statements);
  const fuzz::Answer answer = host().ask(sql);
  const bool is_value = sql.starts_with("UPDATE") && table.name == "warden_settings";
  require(answer.refused() &&
              (is_value || answer.error == "table " + table.name + " may not be modified" ||
               answer.error.find("may not be") != std::string::npos ||
               answer.error.starts_with("job_columns: ") || answer.error.starts_with("warden_settings")),
          "nothing else can be written", sql, answer.all());
  require(host().ask("SELECT count(*) FROM warden_settings").value() == before, "all settings are there",
          sql);
  host().ask("SELECT warden_reset()");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes input(data, size);
  switch (input.below(16)) {
    case 14:
      judge_update(input);
      break;
    case 15:
      judge_writing(input);
      break;
    default:
      judge_select(input);
  }
  return 0;
}
