// Virtual tables as C++ structs: a table is a struct with a row type, a list of columns and a scan. Header-only.
//
//   struct Sample {
//     std::int64_t pid; std::string comm; std::optional<double> share;
//     sqlite3_int64 rowid() const { return pid; }
//   };
//   struct Samples {
//     using row = Sample;
//     static constexpr const char* name = "samples";
//     static constexpr auto risk = vtab::risk::innocuous;
//     using columns = vtab::columns<
//         vtab::col<"pid", &Sample::pid, vtab::push::key>,     // pid = ? is handed to scan; at most one row has it
//         vtab::col<"comm", &Sample::comm, vtab::push::eq>,    // comm = ? is handed to scan
//         vtab::col<"share", &Sample::share>,                  // an empty optional is NULL
//         vtab::arg<"top", std::int64_t>>;                     // hidden: samples(10)
//     std::vector<Sample> scan(const vtab::query<row, columns>& q);  // any input range, by value; lazy ones stream
//   };
//   vtab::install<Samples>(api, db);                           // an eponymous table: SELECT * FROM samples(10)
//
// What is pushed down is said at the column. A pushed constraint is only a hint: SQLite checks it again, so a scan
// may ignore it, and one that lets too much through costs time, never a wrong row. A hidden argument is strict: SQLite
// does not check it, so a value of the wrong type is an error that names it.
// (Where SQLite makes a scan of each side of an OR it tests arguments itself, and one given as NULL is met by no row: so a
// query with arguments is told of no saving by hints, and but for SQLite 3.38 to 3.45 by no key, and OR is one scan.)
//
// SQLite tells rows apart by rowid, in `WHERE pid = 1 OR comm = 'x'` too. A row's `rowid()` must be its own, whatever
// was pushed down. Rows without one are numbered as they come (with arguments, from a number made of those), which a
// hint would change: then nothing is pushed down.
//
// A query reads what scan() returned when it began; the cursor owns that range. Where making it is dear, say so with
// `static constexpr double scan_cost`, and let a join that asks the same again begin the range anew instead, with
// `static constexpr bool rewinds = true`. For UPDATE, INSERT and DELETE give
// the table `update(rowid, change)`, `insert(change)`, `erase(rowid)`; the first and the last need a `rowid()`.
// insert() may return the new rowid. All columns come with their values; in a table with
// `static constexpr bool tells_unchanged = true`, a column that the UPDATE does not name is NULL and is_unchanged().
//
// Threads: SQLite serialises all calls on one connection; a table is installed on, and used by, one connection.
#pragma once

#include <array>
#include <functional>
#include <ranges>

#include "error.hpp"
#include "memory.hpp"
#include "plan.hpp"
#include "query.hpp"
#include "value.hpp"

namespace warden::vtab {

/// Who may use a table: the schema of an untrusted database too, as SQLite decides, or only statements of the
/// application itself (refused inside views and triggers).
enum class risk { innocuous, normal, direct_only };

namespace detail {

template <class Table>
using query_of = basic_query<typename Table::row, typename Table::columns>;

}  // namespace detail

template <class Table>
class module;

namespace detail {

/// True where rows have an identity of their own. Otherwise they are numbered in the order of the scan.
template <class Table>
constexpr bool has_rowid = requires(const typename Table::row& row) {
  row.rowid();
};

/// True where update() is told which columns the statement leaves alone.
template <class Table>
constexpr bool tells_unchanged = [] {
  if constexpr (requires { Table::tells_unchanged; }) {
    return Table::tells_unchanged;
  } else {
    return false;
  }
}();

/// True where a scan for the same arguments and hints, within one run of a statement, is the same range begun anew.
template <class Table>
constexpr bool rewinds = [] {
  if constexpr (requires { Table::rewinds; }) {
    return Table::rewinds;
  } else {
    return false;
  }
}();

template <class Table>
struct instance : sqlite3_vtab {
  explicit instance(module<Table>& owner) : sqlite3_vtab{}, api(owner.api()), home(&owner) {}
  template <class Context>
  instance(const Api* routines, Context& context) : sqlite3_vtab{}, api(routines) {
    home = &own.emplace(routines, context);
  }
  /// False where there is no memory for the text.
  bool report(const char* text) noexcept {
    api->free(zErrMsg);
    zErrMsg = api->mprintf("%s", text);
    return zErrMsg != nullptr;
  }
  const Api* api;
  std::optional<module<Table>> own;  // of a table that is installed on a context
  module<Table>* home;               // gone before the last xDisconnect where the module was replaced
};

template <class Table>
struct cursor : sqlite3_vtab_cursor {
  using query = query_of<Table>;
  using range = decltype(std::declval<Table&>().scan(std::declval<const query&>()));

  /// The open range: the query it was made for comes first and goes last.
  class scan_state {
   public:
    scan_state(Table& table, query&& q)
        : asked(std::move(q)), rows_(table.scan(asked)), at_(std::ranges::begin(rows_)), done_(ended()) {}
    /// The row at hand. A range that makes its rows as it goes is asked once for each.
    const auto& row() {
      if constexpr (kMakesRows) {
        if (!made_) made_.emplace(*at_);
        return *made_;
      } else {
        return std::as_const(*at_);
      }
    }
    void next() {
      if constexpr (kMakesRows) made_.reset();
      ++at_;
      ++number_;
      done_ = ended();
    }
    /// To the beginning again; for ranges that can be gone through more than once.
    void rewind() {
      if constexpr (kMakesRows) made_.reset();
      at_ = std::ranges::begin(rows_);
      number_ = 1;
      done_ = ended();
    }
    bool done() const noexcept { return done_; }
    sqlite3_int64 number() const noexcept { return number_; }
    const query asked;

   private:
    using reference = std::ranges::range_reference_t<range>;
    static constexpr bool kMakesRows = !std::is_lvalue_reference_v<reference>;
    struct nothing {};
    bool ended() { return at_ == std::ranges::end(rows_); }

    range rows_;
    std::ranges::iterator_t<range> at_;
    std::conditional_t<kMakesRows, std::optional<std::remove_cvref_t<reference>>, nothing> made_;
    sqlite3_int64 number_ = 1;
    bool done_;  // remembered, since comparing with the end of a view may throw and SQLite's question may not
  };
  std::optional<scan_state> state;  // empty: no row can meet what was asked
};

}  // namespace detail

/// One table installed on one connection. SQLite owns it: created by install(), ended by the module's destructor.
template <class Table>
class module {
 public:
  using list = typename Table::columns;
  using query = detail::query_of<Table>;
  using cursor = detail::cursor<Table>;

  template <class... Args>
  explicit module(const Api* api, Args&&... args) : api_(api), table_(std::forward<Args>(args)...) {}

  const Api* api() const noexcept { return api_; }
  Table& table() noexcept { return table_; }

  static std::string declaration() { return detail::declaration_of(kTraits); }
  int best_index(sqlite3_index_info& info) const {
    return detail::plan_query(api_, info, {kTraits, expected_rows(), scan_cost()});
  }

  void filter(cursor& c, int used, const char* plan, sqlite3_value** argv) {
    if (plan[0] == detail::kMissing) {
      c.state.reset();
      const auto& argument = kTraits[static_cast<std::size_t>(plan[1] - detail::kFirstColumnLetter)];
      throw error(std::string(Table::name) + ": argument \"" + std::string(argument.name) + "\" is required");
    }
    query q(api_, static_cast<unsigned>(used));
    bool possible = true;
    for (std::size_t i = 0; plan[2 * i] != '\0'; ++i) {
      const auto operation = static_cast<detail::op>(plan[2 * i]);
      const auto position = static_cast<std::size_t>(plan[2 * i + 1] - detail::kFirstColumnLetter);
      at_column(position, [&]<std::size_t I>() {
        possible = q.template store<I>(Table::name, operation, value(api_, argv[i])) && possible;
      });
    }
    if constexpr (detail::rewinds<Table>) {
      if (possible && c.state && c.state->asked.same_as(q)) return c.state->rewind();
    }
    c.state.reset();
    if (possible) c.state.emplace(table_, std::move(q));
  }

  void column(cursor& c, sqlite3_context* context, int which) const {
    at_column(static_cast<std::size_t>(which), [&]<std::size_t I>() {
      using column = typename list::template at<I>;
      if constexpr (column::hidden) {
        // Echoed, so that constraints which SQLite checks itself compare with what was given.
        using type = typename query::template slot_at<I>::type;
        const auto& given = c.state->asked.template argument_at<I>();
        if (given) {
          sql_type<typename sql_type<type>::stored>::put(api_, context, *given);
        } else {
          api_->result_null(context);
        }
      } else {
        if constexpr (detail::tells_unchanged<Table>) {
          if (api_->vtab_nochange(context) != 0) return;  // no result: this is what makes it is_unchanged()
        }
        decltype(auto) v = std::invoke(column::getter, c.state->row());
        sql_type<std::remove_cvref_t<decltype(v)>>::put(api_, context, v);
      }
    });
  }

  sqlite3_int64 rowid(cursor& c) const {
    if constexpr (detail::has_rowid<Table>) {
      return c.state->row().rowid();
    } else {
      // Scans with other arguments give other rows, and an OR may bring them together.
      return c.state->number() + static_cast<sqlite3_int64>(c.state->asked.fingerprint() >> 34 << 32);
    }
  }

  void write(int argc, sqlite3_value** argv, sqlite3_int64* inserted) {
    using values = change<list>;
    if (argc == 1) {
      if constexpr (kErases) {
        table_.erase(api_->value_int64(argv[0]));
        return;
      } else {
        throw error(std::string(Table::name) + ": rows can't be deleted");
      }
    }
    if (value(api_, argv[0]).is_null()) {
      if constexpr (kInserts) {
        if (!value(api_, argv[1]).is_null()) {
          throw error(std::string(Table::name) + ": the rowid of a new row can't be chosen");
        }
        if constexpr (std::is_void_v<decltype(table_.insert(std::declval<const values&>()))>) {
          table_.insert(values(api_, argv + 2));
        } else {
          *inserted = table_.insert(values(api_, argv + 2));
        }
        return;
      } else {
        throw error(std::string(Table::name) + ": rows can't be inserted");
      }
    }
    if constexpr (kUpdates) {
      if (api_->value_int64(argv[0]) != api_->value_int64(argv[1])) {
        throw error(std::string(Table::name) + ": the rowid can't be changed");
      }
      table_.update(api_->value_int64(argv[0]), values(api_, argv + 2));
    } else {
      throw error(std::string(Table::name) + ": rows can't be updated");
    }
  }

  static constexpr bool writable() { return kUpdates || kInserts || kErases; }

 private:
  static constexpr bool kUpdates = requires(Table & t, const change<list>& v) {
    t.update(sqlite3_int64{}, v);
  };
  static constexpr bool kInserts = requires(Table & t, const change<list>& v) { t.insert(v); };
  static constexpr bool kErases = requires(Table & t) { t.erase(sqlite3_int64{}); };
  static_assert(detail::has_rowid<Table> || (!kUpdates && !kErases),
                "update() and erase() need rows with a rowid()");

  template <class F>
  static constexpr void each_column(F&& f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (f.template operator()<I>(), ...); }
    (std::make_index_sequence<list::count>{});
  }

  template <class F>
  static void at_column(std::size_t position, F&& f) {
    each_column([&]<std::size_t I>() {
      if (I == position) f.template operator()<I>();
    });
  }

  static constexpr std::array<detail::column_traits, list::count> kTraits = [] {
    std::array<detail::column_traits, list::count> all{};
    each_column([&]<std::size_t I>() {
      using column = typename list::template at<I>;
      using slot = typename query::template slot_at<I>;
      detail::column_traits& traits = all[I];
      traits.name = column::name;
      traits.decl = sql_type<typename slot::type>::decl;
      traits.listed = !column::hidden && !column::unlisted;
      if constexpr (column::hidden) {
        traits.argument = true;
        traits.required = column::required;
        traits.pushed = push::eq;
      } else {
        traits.text = std::same_as<typename slot::stored, string>;
        traits.pushed = detail::has_rowid<Table> ? column::pushed : push::none;
      }
    });
    return all;
  }();

  static double scan_cost() {
    if constexpr (requires { Table::scan_cost; }) {
      return Table::scan_cost;
    } else {
      return 1;
    }
  }
  static double expected_rows() {
    if constexpr (requires { Table::expected_rows; }) {
      return Table::expected_rows;
    } else {
      return 100;
    }
  }

  const Api* api_;
  Table table_;
};

namespace detail {

template <class Table, class Context>
struct shims {
  using owner = module<Table>;
  using instance = detail::instance<Table>;
  using cursor = detail::cursor<Table>;

  static instance& self(sqlite3_vtab* table) noexcept { return *static_cast<instance*>(table); }
  static cursor& self(sqlite3_vtab_cursor* c) noexcept { return *static_cast<cursor*>(c); }

  template <class Body>
  static int guarded(sqlite3_vtab* table, Body&& body) noexcept {
    bool told = true;
    const int rc =
        guard(std::forward<Body>(body), [&](const char* text) { told = self(table).report(text); });
    return told ? rc : SQLITE_NOMEM;
  }

  static int connect(sqlite3* db, void* aux, int, const char* const*, sqlite3_vtab** out,
                     char** message) noexcept {
    auto& home = *static_cast<std::conditional_t<std::is_void_v<Context>, owner, Context>*>(aux);
    const Api* api = home.api();
    bool told = true;
    const int rc = guard(
        [&] {
          const std::string declaration = owner::declaration();
          if (const int failed = api->declare_vtab(db, declaration.c_str()); failed != SQLITE_OK)
            return failed;
          if constexpr (Table::risk == risk::direct_only) {
            api->vtab_config(db, SQLITE_VTAB_DIRECTONLY);
          } else if constexpr (Table::risk == risk::innocuous) {
            api->vtab_config(db, SQLITE_VTAB_INNOCUOUS);
          }
          if constexpr (std::is_void_v<Context>) {
            *out = make<instance>(api, home);
          } else {
            *out = make<instance>(api, api, home);
          }
          return SQLITE_OK;
        },
        [&](const char* text) { told = (*message = api->mprintf("%s", text)) != nullptr; });
    return told ? rc : SQLITE_NOMEM;
  }
  static int disconnect(sqlite3_vtab* table) noexcept {
    unmake(self(table).api, &self(table));
    return SQLITE_OK;
  }
  static int best_index(sqlite3_vtab* table, sqlite3_index_info* info) noexcept {
    return guarded(table, [&] { return self(table).home->best_index(*info); });
  }
  static int open(sqlite3_vtab* table, sqlite3_vtab_cursor** out) noexcept {
    return guarded(table, [&] { *out = make<cursor>(self(table).api); });
  }
  static int close(sqlite3_vtab_cursor* c) noexcept {
    unmake(self(c->pVtab).api, &self(c));
    return SQLITE_OK;
  }
  static int filter(sqlite3_vtab_cursor* c, int used, const char* plan, int, sqlite3_value** argv) noexcept {
    return guarded(c->pVtab, [&] { self(c->pVtab).home->filter(self(c), used, plan, argv); });
  }
  static int next(sqlite3_vtab_cursor* c) noexcept {
    return guarded(c->pVtab, [&] { self(c).state->next(); });
  }
  static int eof(sqlite3_vtab_cursor* c) noexcept { return !self(c).state || self(c).state->done(); }
  static int column(sqlite3_vtab_cursor* c, sqlite3_context* context, int which) noexcept {
    return guarded(c->pVtab, [&] { self(c->pVtab).home->column(self(c), context, which); });
  }
  static int rowid(sqlite3_vtab_cursor* c, sqlite3_int64* out) noexcept {
    return guarded(c->pVtab, [&] { *out = self(c->pVtab).home->rowid(self(c)); });
  }
  static int update(sqlite3_vtab* table, int argc, sqlite3_value** argv, sqlite3_int64* inserted) noexcept {
    return guarded(table, [&] { self(table).home->write(argc, argv, inserted); });
  }
};

/// The table of callbacks for Table, as SQLite wants it. Each is a shim; what it does is in module<Table>.
template <class Table, class Context = void>
const sqlite3_module* methods() noexcept {
  using s = shims<Table, Context>;
  static constexpr sqlite3_module kMethods = [] {
    sqlite3_module m{};
    // iVersion tells SQLite which slots exist: 0 ends at xRename, 1 adds savepoints, 2 xShadowName, 4 xIntegrity.
    // None of those is filled here, and a larger number would let a newer SQLite read past the end of this struct.
    m.iVersion = 0;
    m.xCreate = nullptr;  // eponymous only: no CREATE VIRTUAL TABLE
    m.xConnect = s::connect;
    m.xBestIndex = s::best_index;
    m.xDisconnect = s::disconnect;
    m.xDestroy = nullptr;
    m.xOpen = s::open;
    m.xClose = s::close;
    m.xFilter = s::filter;
    m.xNext = s::next;
    m.xEof = s::eof;
    m.xColumn = s::column;
    m.xRowid = s::rowid;
    m.xUpdate = module<Table>::writable() ? s::update : nullptr;
    return m;
  }();
  return &kMethods;
}

}  // namespace detail

/// Installs Table, constructed from args, as an eponymous virtual table of this connection. Returns a SQLite code;
/// on failure the table is gone again. The table lives until the connection closes.
template <class Table, class... Args>
int install(const Api* api, sqlite3* db, Args&&... args) noexcept {
  return guard(
      [&] {
        auto* owner = make<module<Table>>(api, api, std::forward<Args>(args)...);
        // SQLite calls the destructor itself when it fails, so from here on it owns the table.
        return api->create_module_v2(db, Table::name, detail::methods<Table>(), owner, [](void* p) {
          auto* ended = static_cast<module<Table>*>(p);
          unmake(ended->api(), ended);
        });
      },
      [](const char*) {});
}

/// Installs Table without making one: it is constructed from `context` when a statement first names it, so that a table
/// that nobody asks for costs nothing but its name. The context gives its SQLite by api(), and lives as long as the
/// connection can run statements.
template <class Table, class Context>
int install_on(sqlite3* db, Context& context) noexcept {
  return context.api()->create_module_v2(db, Table::name, detail::methods<Table, Context>(), &context,
                                         nullptr);
}

}  // namespace warden::vtab
