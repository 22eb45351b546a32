// The promise: job statistics from the columns of job_columns are faster, by the factors of README.md's table, than the pass
// over the rows, and than DuckDB on a table of its own; and the columns are small, soon built, and cheap to keep.
//
// Two processes answer in turns: SQLite with warden, which reads rows and columns, and DuckDB. Time is that of the clock,
// for DuckDB has two threads; everything is warm.
#include "columns.hpp"

#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include "answerer.hpp"
#include "column_questions.hpp"
#include "database.hpp"
#include "duckdb.hpp"
#include "process.hpp"
#include "turns.hpp"

namespace warden::bench {
namespace {

constexpr std::int64_t kFull = 20'000'000;
/// Wanted of 20 000 000 jobs: a page within so many ms, and any question within so many times the time of a tenth of them.
constexpr double kPageMs = 1000;
constexpr double kGrowth = 10;
constexpr double kMemory = 64e6;
constexpr double kBytesOfJob = 24;
constexpr double kBuiltASecond = 200'000;

constexpr int kRounds = 5;
constexpr int kFullRounds = 1;  // of 20 GB of rows
/// In each round a fast one runs so often, after a first time that does not count.
constexpr int kRepetitions = 5;
constexpr int kRebuilds = 3;

/// What is measured of a question, in ms; none where who should answer is missing.
struct Times {
  std::vector<double> rows;
  std::vector<double> columns;
  std::vector<std::vector<double>> duckdb;  // by way

  /// Of the way that is fastest; nothing without DuckDB.
  std::vector<double> best_duckdb() const {
    const auto best = std::min_element(duckdb.begin(), duckdb.end(),
                                       [](const auto& a, const auto& b) { return median(a) < median(b); });
    return best == duckdb.end() ? std::vector<double>() : *best;
  }
};

std::string million(std::int64_t jobs) { return std::to_string(jobs / 1'000'000) + "M"; }

/// Those who answer about one file of jobs.
class Contest {
 public:
  Contest(Data& data, std::int64_t jobs, std::string prefix, Report& report)
      : data_(data),
        jobs_(jobs),
        prefix_(std::move(prefix)),
        report_(report),
        file_(data.jobs(jobs)),
        warden_(child_command("columns", {{"what", "answer"}, {"file", file_}})),
        has_engines_(warden_.refusal_of("SELECT 1 FROM job_stats() WHERE engine = 'rows' LIMIT 0").empty()),
        questions_(column_questions(JobTime(jobs))),
        times_(questions_.size()) {
    load("load.before");
    make_columns();
    make_duckdb();
  }

  void run() {
    for (const Question& question : questions_) check(question);
    const int rounds = jobs_ >= kFull ? kFullRounds : kRounds;
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < questions_.size(); ++i) ask(questions_[i], times_[i]);
    }
    for (std::size_t i = 0; i < questions_.size(); ++i) tell(questions_[i], times_[i]);
    if (has_columns_) tell_memory();
    load("load.after");
  }

  /// By question; nothing where there are no columns.
  std::vector<double> column_ms() const {
    std::vector<double> ms;
    if (!has_columns_) return ms;
    for (const Times& times : times_) ms.push_back(median(times.columns));
    return ms;
  }

  void tell_growth(const std::vector<double>& tenth) {
    const std::vector<double> ms = column_ms();
    for (std::size_t i = 0; i < ms.size(); ++i) {
      number(questions_[i].name + ".growth", ms[i] / tenth.at(i), Unit::ratio, Bar::at_most(kGrowth),
             "times as long for " + million(kFull) + " as for " + million(kFull / 10));
    }
  }

 private:
  void number(const std::string& name, double measured, Unit unit, Bar bar, const std::string& note) {
    report_.number(prefix_ + name, measured, unit, bar, note);
  }

  /// What else the machine does falls on all, but not alike: one of them has two threads.
  void load(const char* name) {
    double minute = 0;
    if (::getloadavg(&minute, 1) == 1)
      number(name, minute, Unit::ratio, {}, "of the machine, in the last minute");
  }

  Engine of_rows() const { return has_engines_ ? Engine::rows : Engine::unsaid; }

  void make_columns() {
    const std::string refusal = warden_.refusal_of(make_columns_sql());
    has_columns_ = refusal.empty() && has_engines_;
    if (!has_columns_) {
      if (refusal.find("no such module") == std::string::npos && !refusal.empty())
        throw std::runtime_error(refusal);
      report_.skipped("this warden has no job_columns: rows and DuckDB alone");
      return;
    }
    std::vector<double> ms;
    for (int i = 0; i < kRebuilds; ++i) ms.push_back(warden_.ms(kRebuildColumns));
    number("rebuild", static_cast<double>(jobs_) * 1000 / median(ms), Unit::count,
           Bar::at_least(kBuiltASecond), "jobs a second");
    const std::string bytes = warden_
                                  .rows(
                                      "SELECT sum(d.pgsize) FROM sqlite_schema AS s JOIN dbstat AS d"
                                      " ON d.name = s.name AND d.aggregate = 1"
                                      " WHERE s.tbl_name GLOB 'job_index_*' AND s.rootpage > 0")
                                  .at(0);
    number("bytes_a_job", std::stod(bytes) / static_cast<double>(jobs_), Unit::ratio,
           Bar::at_most(kBytesOfJob), "the pages of the shadow tables");
  }

  void make_duckdb() {
    const std::string csv = data_.file("jobs.csv");
    const std::string file = data_.file("jobs.duckdb");
    for (const std::string& old : {csv, file}) std::filesystem::remove(old);
    try {
      duckdb_ = start_duckdb(file);
    } catch (const Skip& why) {
      report_.skipped(why.what());
      return;
    }
    measure(kColumns, {{"what", "csv"}, {"file", file_}, {"to", csv}});
    const double ms = duckdb_->ms(duckdb_sql::import(csv));
    std::filesystem::remove(csv);
    number("duckdb.import", static_cast<double>(jobs_) * 1000 / ms, Unit::count, {},
           "jobs a second, from comma-separated values; DuckDB " + duckdb_->rows("SELECT version()").at(0));
    number("duckdb.bytes_a_job",
           static_cast<double>(std::filesystem::file_size(file)) / static_cast<double>(jobs_), Unit::ratio,
           {}, "its file");
  }

  /// All who answer have to say the same, or their times mean nothing.
  void check(const Question& question) {
    const auto rows_of = [](Answerer& who, const std::string& sql) {
      std::vector<std::string> rows = who.rows(sql);
      std::sort(rows.begin(), rows.end());
      return rows;
    };
    const std::vector<std::string> rows = rows_of(warden_, question.checked_by(of_rows()));
    const auto compare = [&](const std::string& who, const std::vector<std::string>& theirs) {
      if (theirs == rows) return;
      const auto at = std::mismatch(rows.begin(), rows.end(), theirs.begin(), theirs.end());
      throw std::runtime_error(prefix_ + question.name + ": " + who + " says " +
                               (at.second == theirs.end() ? "nothing" : *at.second) + ", the rows say " +
                               (at.first == rows.end() ? "nothing" : *at.first));
    };
    if (has_columns_) compare("job_columns", rows_of(warden_, question.checked_by(Engine::columns)));
    if (duckdb_ == nullptr) return;
    for (const std::string& way : question.duckdb) compare("DuckDB", rows_of(*duckdb_, way));
  }

  void ask(const Question& question, Times& times) {
    const auto repeat = [](Answerer& who, const std::string& sql, std::vector<double>& ms) {
      who.ms(sql);
      for (int i = 0; i < kRepetitions; ++i) ms.push_back(who.ms(sql));
    };
    times.rows.push_back(warden_.ms(question.timed_by(of_rows())));
    if (has_columns_) repeat(warden_, question.timed_by(Engine::columns), times.columns);
    if (duckdb_ == nullptr) return;
    times.duckdb.resize(question.duckdb.size());
    for (std::size_t i = 0; i < question.duckdb.size(); ++i)
      repeat(*duckdb_, question.duckdb[i], times.duckdb[i]);
  }

  void tell(const Question& question, const Times& times) {
    const double rows = median(times.rows);
    const double columns = median(times.columns);
    const double duckdb = median(times.best_duckdb());
    if (!has_columns_) return tell_wanted(question, times);
    number(question.name + ".rows", rows / columns, Unit::ratio, Bar::at_least(question.times_rows),
           "times faster: " + text_of_ms(columns) + "; rows: " + text_of_ms(rows));
    if (duckdb_ != nullptr)
      number(question.name + ".duckdb", duckdb / columns, Unit::ratio, Bar::at_least(question.times_duckdb),
             "times faster; DuckDB: " + text_of_ms(duckdb));
    if (jobs_ >= kFull && question.name == "page")
      number("page.ms", columns, Unit::milliseconds, Bar::at_most(kPageMs), "of the clock");
  }

  /// What columns have to reach. The fastest run is near to what a machine without other work gives.
  void tell_wanted(const Question& question, const Times& times) {
    const auto fastest = [](const std::vector<double>& ms) {
      return "fastest: " + text_of_ms(*std::min_element(ms.begin(), ms.end()));
    };
    const double rows = median(times.rows);
    const std::vector<double> best = times.best_duckdb();
    const double duckdb = median(best);
    const double wanted = std::fmin(rows / question.times_rows, duckdb / question.times_duckdb);
    number(question.name + ".rows", rows, Unit::milliseconds, {},
           fastest(times.rows) + "; wanted of columns: " + text_of_ms(wanted));
    if (best.empty()) return;
    std::string ways;
    for (const auto& way : times.duckdb) ways += (ways.empty() ? "" : ", ") + text_of_ms(median(way));
    number(question.name + ".duckdb", duckdb, Unit::milliseconds, {},
           fastest(best) + (times.duckdb.size() > 1 ? "; ways: " + ways : ""));
  }

  void tell_memory() {
    for (const Question& question : questions_) {
      const Numbers said = measure(
          kColumns, {{"what", "memory"}, {"file", file_}, {"sql", question.timed_by(Engine::columns)}});
      number(question.name + ".memory", said["highwater"] / 1e6, Unit::megabytes, Bar::at_most(kMemory / 1e6),
             "the most that SQLite had");
    }
  }

  Data& data_;
  const std::int64_t jobs_;
  const std::string prefix_;
  Report& report_;
  const std::string file_;
  Answerer warden_;
  const bool has_engines_;
  bool has_columns_ = false;
  std::unique_ptr<Answerer> duckdb_;
  const std::vector<Question> questions_;
  std::vector<Times> times_;
};

void run(Data& data, Report& report) {
  std::vector<double> tenth;
  {
    Contest contest(data, data.scale.jobs, "", report);
    contest.run();
    tenth = contest.column_ms();
  }
  report_writes(data, !tenth.empty(), report);
  if (!data.scale.full) return;
  Contest full(data, kFull, million(kFull) + ".", report);
  full.run();
  if (data.scale.jobs * 10 == kFull) full.tell_growth(tenth);
}

/// A cache for all of the file where there is memory for it, else a small one, as a larger one would not be warm either.
std::string cache_for(const std::string& file) {
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(file));
  const std::int64_t kib = bytes / 1024 + 100'000;
  return "PRAGMA cache_size=-" + std::to_string(kib < available_bytes() / 2048 ? kib : 200'000) +
         "; PRAGMA temp_store=memory";
}

void write_csv(Database& database, const std::string& path) {
  std::FILE* out = std::fopen(path.c_str(), "we");
  if (out == nullptr) throw std::runtime_error(path + " can't be written");
  Statement statement(database, duckdb_sql::to_export());
  const int columns = ::sqlite3_column_count(statement.get());
  while (statement.step()) {
    for (int i = 0; i < columns; ++i) {
      const auto* value = reinterpret_cast<const char*>(::sqlite3_column_text(statement.get(), i));
      // No job has a comma or a quote in these.
      std::fputs(value == nullptr ? "" : value, out);
      std::fputc(i + 1 < columns ? ',' : '\n', out);
    }
  }
  const bool failed = std::ferror(out) != 0;
  if (std::fclose(out) != 0 || failed) throw std::runtime_error(path + " can't be written");
}

void child(const Parameters& given) {
  if (given.is("what", "writes")) return measure_writes(given);
  Database database(given.text("file"));
  if (given.is("what", "csv")) return write_csv(database, given.text("to"));
  database.load_warden();
  if (given.is("what", "memory")) {
    database.run(given.text("sql"));
    say("highwater", static_cast<double>(::sqlite3_memory_highwater(0)));
    return;
  }
  database.run(cache_for(given.text("file")));
  answer(database);
}

}  // namespace

const Benchmark kColumns{"columns", "job statistics from columns, from rows, and from DuckDB", &run, &child};

}  // namespace warden::bench
