// What a scan may return and throw: views that make rows as they are asked, and exceptions at every place.
#include <array>
#include <boost/test/unit_test.hpp>
#include <ranges>
#include <stdexcept>

#include "vtab_tables.hpp"

using warden::test::api;
using warden::test::Database;
namespace vtab = warden::vtab;

namespace {

int made = 0;  // rows that a lazy scan has produced

struct Square {
  std::int64_t n;
  std::string text;
  std::int64_t square() const { return n * n; }
  sqlite3_int64 rowid() const { return n; }
};

/// squares(from): without an end.
struct Squares {
  using row = Square;
  static constexpr const char* name = "squares";
  static constexpr auto risk = vtab::risk::normal;
  using columns = vtab::columns<vtab::col<"n", &Square::n>, vtab::col<"text", &Square::text>,
                                vtab::col<"square", &Square::square>, vtab::arg<"start", std::int64_t>>;
  auto scan(const vtab::query<row, columns>& q) const {
    return std::views::iota(q.argument<"start">().value_or(1)) | std::views::transform([](std::int64_t n) {
             ++made;
             return Square{n, "number " + std::to_string(n)};
           });
  }
};

/// What goes wrong, and where.
enum class Place { nowhere, scan, begin, advance, end, getter, rowid };
enum class What { error, coded, standard, memory, number, silent };
Place place = Place::nowhere;
What what = What::error;

void trip(Place here) {
  if (here != place) return;
  switch (what) {
    case What::error:
      throw vtab::error("the disk is gone");
    case What::coded:
      throw vtab::error("the lock is held", SQLITE_BUSY);
    case What::standard:
      throw std::out_of_range("beyond the shelf");
    case What::memory:
      throw std::bad_alloc();
    case What::number:
      throw 42;
    case What::silent:
      throw vtab::error("not OK at all", SQLITE_OK);
  }
}

struct Trap {
  int n;
  int value() const {
    if (n == 2) trip(Place::getter);
    return n;
  }
  sqlite3_int64 rowid() const {
    trip(Place::rowid);
    return n;
  }
};

/// A range of three rows whose every step may throw.
struct TrapRange {
  struct iterator {
    using value_type = Trap;
    using difference_type = std::ptrdiff_t;
    Trap at{1};
    const Trap& operator*() const { return at; }
    iterator& operator++() {
      if (at.n == 1) trip(Place::advance);
      ++at.n;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const {
      if (at.n == 2) trip(Place::end);
      return at.n > 3;
    }
  };
  iterator begin() const {
    trip(Place::begin);
    return {};
  }
  std::default_sentinel_t end() const { return {}; }
};

struct Traps {
  using row = Trap;
  static constexpr const char* name = "traps";
  static constexpr auto risk = vtab::risk::normal;
  using columns = vtab::columns<vtab::col<"value", &Trap::value>>;
  TrapRange scan(const vtab::query<row, columns>&) const {
    trip(Place::scan);
    return {};
  }
};

/// Rows without a rowid: what they are can't depend on hints, so there must not be any.
struct Anonymous {
  using row = warden::test::Number;
  static constexpr const char* name = "anonymous";
  static constexpr auto risk = vtab::risk::normal;
  using columns =
      vtab::columns<vtab::col<"value", &row::value, vtab::push::range>, vtab::col<"square", &row::square>>;
  std::vector<row> scan(const vtab::query<row, columns>& q) const {
    std::vector<row> rows;
    for (std::int64_t n = 1; n <= 5; ++n) {
      if (q.admits<"value">(n)) rows.push_back({n});
    }
    return rows;
  }
};

/// 40 columns c0 to c39, and which of them reads() says are read.
struct Wide {
  std::array<std::int64_t, 40> cell;
  template <std::size_t I>
  std::int64_t at() const {
    return cell[I];
  }
};
std::string read_columns;

template <std::size_t I>
constexpr auto cell_name = [] {
  const char text[4] = {'c', static_cast<char>('0' + I / 10), static_cast<char>('0' + I % 10), 0};
  return vtab::fixed_string<4>(text);
}();

template <class>
struct wide_columns;
template <std::size_t... I>
struct wide_columns<std::index_sequence<I...>> {
  using type = vtab::columns<vtab::col<cell_name<I>, &Wide::at<I>>...>;
};

struct WideTable {
  using row = Wide;
  static constexpr const char* name = "wide";
  static constexpr auto risk = vtab::risk::normal;
  using columns = wide_columns<std::make_index_sequence<40>>::type;
  std::vector<Wide> scan(const vtab::query<row, columns>& q) const {
    read_columns.clear();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((q.reads<cell_name<I>>() ? void(read_columns += std::to_string(I) + ' ') : void()), ...);
    }
    (std::make_index_sequence<40>{});
    Wide w;
    for (std::size_t i = 0; i < 40; ++i) w.cell[i] = static_cast<std::int64_t>(i);
    return {w};
  }
};

struct Scans {
  Database db;
  Scans() {
    made = 0;
    place = Place::nowhere;
    vtab::install<Squares>(api(), db.handle());
    vtab::install<Traps>(api(), db.handle());
    vtab::install<WideTable>(api(), db.handle());
    vtab::install<Anonymous>(api(), db.handle());
  }
  std::string query(std::string_view sql) { return db.query(sql); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(vtab_scans, Scans)

BOOST_AUTO_TEST_CASE(a_lazy_range_makes_no_more_rows_than_are_read) {
  BOOST_TEST(query("SELECT square FROM squares LIMIT 3") == "1, 4, 9");
  BOOST_TEST(made == 3);
  BOOST_TEST(query("SELECT n FROM squares(100) WHERE square > 10400 LIMIT 1") == "102");
  BOOST_TEST(made == 6);
}

BOOST_AUTO_TEST_CASE(a_lazy_range_makes_each_row_once_for_all_columns) {
  BOOST_TEST(query("SELECT n, text, square, start, rowid FROM squares(5) LIMIT 2") ==
             "5|number 5|25|5|5, 6|number 6|36|5|6");
  BOOST_TEST(made == 2);
}

BOOST_AUTO_TEST_CASE(two_scans_of_one_table_are_open_at_once) {
  BOOST_TEST(
      query("SELECT s.n, t.n FROM (SELECT n FROM squares LIMIT 2) s, (SELECT n FROM squares(7) LIMIT 2) t") ==
      "1|7, 1|8, 2|7, 2|8");
}

BOOST_AUTO_TEST_CASE(an_exception_at_any_place_ends_the_statement_with_its_text) {
  BOOST_TEST(query("SELECT value, rowid FROM traps") == "1|1, 2|2, 3|3");
  for (const Place here :
       {Place::scan, Place::begin, Place::advance, Place::end, Place::getter, Place::rowid}) {
    const std::string sql = "SELECT value, rowid FROM traps";
    place = here;
    what = What::error;
    BOOST_TEST(query(sql) == "error 1: the disk is gone");
    what = What::coded;
    BOOST_TEST(query(sql) == "error 5: the lock is held");
    what = What::standard;
    BOOST_TEST(query(sql) == "error 1: beyond the shelf");
    what = What::memory;
    BOOST_TEST(query(sql) == "error 7: out of memory");
    what = What::number;
    BOOST_TEST(query(sql) == "error 2: an unknown exception was thrown");
    what = What::silent;
    BOOST_TEST(query(sql) == "error 1: not OK at all");
    place = Place::nowhere;
    BOOST_TEST(query(sql) == "1|1, 2|2, 3|3");
  }
}

BOOST_AUTO_TEST_CASE(rows_before_an_exception_are_seen) {
  place = Place::getter;
  what = What::error;
  const auto answer = db.run("SELECT value FROM traps");
  BOOST_TEST(answer.rows == "1");
  BOOST_TEST(answer.error == "the disk is gone");
}

BOOST_AUTO_TEST_CASE(rows_without_a_rowid_have_nothing_pushed_and_stay_apart) {
  BOOST_TEST(query("SELECT value FROM anonymous WHERE value = 2 OR value = 4 OR square = 9") == "2, 3, 4");
  BOOST_TEST(query("SELECT value FROM anonymous WHERE value < 2 OR value > 4") == "1, 5");
  BOOST_TEST(query("SELECT rowid FROM anonymous WHERE value > 3") == "4, 5");
  BOOST_TEST(query("EXPLAIN QUERY PLAN SELECT value FROM anonymous WHERE value = 2").ends_with("INDEX 1:"));
}

BOOST_AUTO_TEST_CASE(a_scan_may_learn_which_columns_are_read) {
  query("SELECT c03, c30 FROM wide");
  BOOST_TEST(read_columns == "3 30 31 32 33 34 35 36 37 38 39 ");
  query("SELECT count(*) FROM wide WHERE c05 = 5");
  BOOST_TEST(read_columns == "5 31 32 33 34 35 36 37 38 39 ");
  query("SELECT * FROM wide ORDER BY c00");
  BOOST_TEST(read_columns.starts_with("0 1 2 3 "));
}

BOOST_AUTO_TEST_CASE(columns_beyond_the_31st_have_their_values) {
  BOOST_TEST(query("SELECT c00, c30, c31, c32, c39 FROM wide WHERE c39 = 39") == "0|30|31|32|39");
}

BOOST_AUTO_TEST_SUITE_END()
