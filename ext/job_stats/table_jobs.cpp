// jobs(filter, order_by, per_page, page): the jobs of a filter, page by page, in an order that never changes by itself.
//
//   SELECT job_id, hpc_user, duration FROM jobs('{"state":["running"]}', 'start_time DESC', 50, 1);
//   SELECT id FROM jobs(NULL, 'footprint.mem_bw_avg DESC', 10);
//   SELECT hpc_user FROM jobs WHERE id = 5;
//
// order_by: columns and footprint.<metric>, each with ASC or DESC, or ClusterCockpit's {"field", "type", "order"}; jobs that
// are equal so come by id, in the direction of the last. per_page: rows of a page, NULL or -1 for all. page: from 1.
//
// duration counts up to now for a job that runs; in order_by it is the column as it is stored, which an index may have, and
// which for such a job is 0 or some minutes old. resources and footprint are TEXT here, whatever they are in the table. Rows
// come as they are read: a page costs what SQLite needs for it, and all jobs at once need no memory.
//
// With parity = 1 a list in the order of a metric has only jobs whose footprint is JSON.
#include <algorithm>
#include <array>

#include "call.hpp"
#include "job_order.hpp"
#include "job_tables.hpp"
#include "json_text.hpp"
#include "match.hpp"
#include "vtab.hpp"

namespace warden::jobs {
namespace {

constexpr std::string_view kFunction = "jobs";

/// A column of the row at hand, passed on as it is.
enum class Affinity { integer, real, text };
template <Affinity A>
struct Cell {
  sqlite3_value* raw;
};

/// What one scan holds. The statement is ended before what it was made of.
struct Reading {
  Reading(ext::SqliteConnection& self, const Arguments& given) : call(self, kFunction, given, false) {}
  const Call call;
  std::optional<Matcher> matches;
  Statement statement;
};

/// What SQLite makes of a declared type (datatype3.html, 3.1): how a column compares. Empty: by what is stored alone.
std::optional<Affinity> affinity_of(std::string_view declared) noexcept {
  const auto has = [&](std::string_view word) {
    return std::search(declared.begin(), declared.end(), word.begin(), word.end(), [](char a, char b) {
             return (a >= 'a' && a <= 'z' ? a - 32 : a) == b;
           }) != declared.end();
  };
  if (has("INT")) return Affinity::integer;
  if (has("CHAR") || has("CLOB") || has("TEXT")) return Affinity::text;
  // ANY is none in a STRICT table, and NUMERIC elsewhere.
  if (declared.empty() || has("BLOB") || has("ANY")) return std::nullopt;
  return Affinity::real;
}

struct JobRow {
  const Statement* statement = nullptr;

  template <int Column>
  auto cell() const {
    constexpr std::string_view name = kJobColumns[Column];
    constexpr Affinity affinity = name == "energy" ? Affinity::real
                                  : name == "hpc_user" || name == "project" || name == "cluster" ||
                                          name == "subcluster" || name == "cluster_partition" ||
                                          name == "shared" || name == "job_state" || name == "resources" ||
                                          name == "footprint"
                                      ? Affinity::text
                                      : Affinity::integer;
    return Cell<affinity>{statement->raw_value(Column)};
  }
  sqlite3_int64 rowid() const { return statement->integer(0); }
};

/// The rows of a statement, read once. Not moved once begin() was called.
class JobRows {
 public:
  class iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = JobRow;
    iterator() = default;
    explicit iterator(JobRows* rows) : rows_(rows) {}
    const JobRow& operator*() const { return rows_->row_; }
    iterator& operator++() {
      rows_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !rows_->more_; }

   private:
    JobRows* rows_ = nullptr;
  };

  explicit JobRows(vtab::owned<Reading> reading) : reading_(std::move(reading)) {}
  iterator begin() {
    row_.statement = &reading_->statement;
    next();
    return iterator(this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  void next() { more_ = reading_->statement.step(); }
  vtab::owned<Reading> reading_;
  JobRow row_;
  bool more_ = false;
};

}  // namespace
}  // namespace warden::jobs

namespace warden::vtab {

template <jobs::Affinity A>
struct sql_type<jobs::Cell<A>> {
  static constexpr const char* decl = A == jobs::Affinity::integer ? "INTEGER"
                                      : A == jobs::Affinity::real  ? "REAL"
                                                                   : "TEXT";
  static constexpr const char* wording = "a value";
  using stored = std::conditional_t<A == jobs::Affinity::text, string, std::int64_t>;
  static void put(const Api* api, sqlite3_context* context, const jobs::Cell<A>& cell) {
    api->result_value(context, cell.raw);
  }
  static auto get(const value& v) {
    return sql_type<std::conditional_t<A == jobs::Affinity::text, std::string_view, std::int64_t>>::get(v);
  }
};

}  // namespace warden::vtab

namespace warden::jobs {
namespace {

struct Jobs : ext::OwnTable {
  using row = JobRow;
  template <vtab::fixed_string Name, int Column, vtab::push Push = vtab::push::none>
  using cell = vtab::col<Name, &JobRow::cell<Column>, Push>;
  using columns = vtab::columns<
      cell<"id", 0, vtab::push::key>, cell<"job_id", 1, vtab::push::eq>, cell<"hpc_user", 2, vtab::push::eq>,
      cell<"project", 3, vtab::push::eq>, cell<"cluster", 4, vtab::push::eq>, cell<"subcluster", 5>,
      cell<"start_time", 6, vtab::push::range>, cell<"cluster_partition", 7>, cell<"array_job_id", 8>,
      cell<"num_nodes", 9>, cell<"num_hwthreads", 10>, cell<"num_acc", 11>, cell<"shared", 12>,
      cell<"monitoring_status", 13>, cell<"smt", 14>, cell<"job_state", 15, vtab::push::eq>,
      cell<"duration", 16>, cell<"walltime", 17>, cell<"resources", 18>, cell<"footprint", 19>,
      cell<"energy", 20>, vtab::arg<"filter", std::string_view>, vtab::arg<"order_by", std::string_view>,
      vtab::arg<"per_page", std::int64_t>, vtab::arg<"page", std::int64_t>,
      vtab::arg<"source", std::string_view>, vtab::arg<"now", std::int64_t>,
      vtab::arg<"short_seconds", std::int64_t>, vtab::arg<"parity", std::int64_t>>;
  using query = vtab::query<row, columns>;
  static constexpr const char* name = "jobs";
  static constexpr auto risk = kRisk;
  static constexpr double expected_rows = 1e6;
  using OwnTable::OwnTable;

  JobRows scan(const query& q) const {
    auto reading = vtab::make_owned<Reading>(self.api(), self, Arguments::without_engine(q));
    const Call& call = reading->call;
    const auto& order_by = q.argument<"order_by">();
    const JobOrder order(self, kFunction,
                         order_by ? std::optional<std::string_view>(*order_by) : std::nullopt);
    vtab::string tail(order.sql(), memory());
    const bool is_page = append_page(tail, q);
    vtab::string hinted(memory());
    if (!is_page) hinted = hints(q, nullptr);
    vtab::string conditions(memory());
    // Upstream's list by a metric leaves out what it can't read.
    if (call.options.parity && order.reads_footprint()) {
      conditions.append(conditions.empty() ? "" : " AND ");
      append_is_json(conditions, "footprint");
    }
    if (!call.filter.footprint().empty()) {
      reading->matches.emplace(self, call.filter);
      conditions.append(conditions.empty() ? "" : " AND ").append(Matcher::kSql);
    }
    vtab::vector<std::string_view> read{vtab::Allocator<std::string_view>(self.api())};
    const vtab::string selected = selection(q, call.options.now, read);
    read.push_back("id");
    if (order.reads_footprint() || reading->matches) read.push_back("footprint");
    const auto select = [&] {
      vtab::string all(hinted);
      all.append(hinted.empty() || conditions.empty() ? "" : " AND ").append(conditions);
      reading->statement = call.source.select(call.filter, {selected, read, all, tail});
    };
    select();
    if (!hinted.empty()) {
      vtab::string sound = hints(q, &reading->statement);
      if (sound != hinted) {
        hinted.swap(sound);
        select();
      }
    }
    if (reading->matches) reading->matches->bind_to(reading->statement);
    return JobRows(std::move(reading));
  }

 private:
  vtab::Allocator<char> memory() const { return vtab::Allocator<char>(self.api()); }

  /// True where only a part of the rows is wanted: then nothing may be left out before they are counted.
  bool append_page(vtab::string& tail, const query& q) const {
    const std::int64_t per_page = q.argument<"per_page">().value_or(-1);
    if (per_page == -1) return false;
    if (per_page < 1) {
      throw vtab::error("jobs: per_page must be at least 1, or -1 for all jobs, not " +
                        std::to_string(per_page));
    }
    const std::int64_t page = std::max<std::int64_t>(q.argument<"page">().value_or(1), 1);
    std::int64_t offset = 0;
    if (__builtin_mul_overflow(page - 1, per_page, &offset))
      offset = std::numeric_limits<std::int64_t>::max();
    tail.append(" LIMIT ").append(std::to_string(per_page)).append(" OFFSET ").append(std::to_string(offset));
    return true;
  }

  /// What SQLite told of WHERE, for indexes of the source. With `seen`, a statement that reads the columns, only of those that
  /// the source compares as this table does: where its column has no type, 5 is not '5', and here it is.
  vtab::string hints(const query& q, const Statement* seen) const {
    vtab::string sql(memory());
    const auto fits = [&](std::string_view test, bool is_text) {
      if (seen == nullptr) return true;
      const std::string_view word = test.substr(0, test.find(' '));
      const auto column = std::find(kJobColumns.begin(), kJobColumns.end(), word) - kJobColumns.begin();
      const auto affinity = affinity_of(seen->declared_type(static_cast<int>(column)));
      return affinity && (*affinity == Affinity::text) == is_text;
    };
    const auto number = [&](std::string_view test, const auto& hint) {
      if (!hint || !fits(test, false)) return;
      sql.append(sql.empty() ? "" : " AND ").append("job.").append(test).append(std::to_string(*hint));
    };
    const auto text = [&](std::string_view test, const auto& hint) {
      // A text with a NUL can't be written down; SQLite tests it itself.
      if (!hint || hint->find('\0') != vtab::string::npos || !fits(test, true)) return;
      sql.append(sql.empty() ? "" : " AND ").append("job.").append(test);
      append_quoted(sql, *hint);
    };
    number("id = ", q.equal<"id">());
    number("job_id = ", q.equal<"job_id">());
    text("hpc_user = ", q.equal<"hpc_user">());
    text("project = ", q.equal<"project">());
    text("cluster = ", q.equal<"cluster">());
    text("job_state = ", q.equal<"job_state">());
    number("start_time = ", q.equal<"start_time">());
    number("start_time >= ", q.lower<"start_time">());
    number("start_time <= ", q.upper<"start_time">());
    return sql;
  }

  /// The columns that the statement reads, NULL for the others, so that an index may have all of them.
  vtab::string selection(const query& q, std::int64_t now, vtab::vector<std::string_view>& read) const {
    vtab::string sql(memory());
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (select_column(sql, kJobColumns[I], I == 0 || q.reads_at(I), now, read), ...);
    }
    (std::make_index_sequence<kJobColumns.size()>{});
    return sql;
  }
  static void select_column(vtab::string& sql, std::string_view column, bool is_read, std::int64_t now,
                            vtab::vector<std::string_view>& read) {
    if (!sql.empty()) sql.append(", ");
    if (!is_read) {
      sql.append("NULL");
      return;
    }
    read.push_back(column);
    if (column == "duration") {
      for (const std::string_view other : {"job_state", "start_time"}) read.push_back(other);
      sql.append("CASE WHEN job.job_state = 'running' THEN ")
          .append(std::to_string(now))
          .append(" - job.start_time ELSE job.duration END");
    } else if (column == "resources" || column == "footprint") {
      sql.append("CAST(job.").append(column).append(" AS TEXT)");
    } else {
      sql.append("job.").append(column);
    }
  }
};

}  // namespace

int install_jobs(ext::SqliteConnection& connection) noexcept {
  return vtab::install_on<Jobs>(connection.db(), connection);
}

}  // namespace warden::jobs
