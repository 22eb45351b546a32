// SQL functions from C++ signatures: arity, types, NULL, errors, flags, the user object and its end.
#include <boost/test/unit_test.hpp>
#include <stdexcept>

#include "function.hpp"
#include "sqlite_under_test.hpp"

using warden::test::api;
using warden::test::Database;
using warden::test::Fault;
using warden::test::memory_used;
namespace vtab = warden::vtab;

namespace {

// ---- arguments

std::string none() { return "none"; }
std::string one(std::int64_t n) { return "i" + std::to_string(n); }
std::string some(std::string_view text, std::optional<std::int64_t> n, std::optional<double> r) {
  return std::string(text) + "|" + (n ? std::to_string(*n) : "-") + "|" + (r ? std::to_string(*r) : "-");
}
std::string pair(std::int64_t first, std::optional<std::int64_t> second) {
  return std::to_string(first) + "|" + (second ? std::to_string(*second) : "-");
}
std::string many(std::int64_t a, std::optional<std::int64_t> b, std::optional<std::int64_t> c,
                 std::optional<std::int64_t> d) {
  std::string text = std::to_string(a);
  for (const auto& one : {b, c, d}) text += "|" + (one ? std::to_string(*one) : "-");
  return text;
}
std::string holes(std::optional<std::int64_t> first, std::int64_t second) {
  return (first ? std::to_string(*first) : "-") + "|" + std::to_string(second);
}
std::string kinds(const std::string& text, std::string copy, double r, bool flag,
                  std::int8_t small) noexcept {
  return text + "|" + copy + "|" + std::to_string(r) + "|" + std::to_string(flag) + "|" +
         std::to_string(small);
}
std::string any(vtab::value v) {
  std::string text = v.type_name();  // first: a conversion to text may change it
  return text += v.as_text();
}
std::string maybe_any(std::optional<vtab::value> v) { return v ? v->type_name() : "absent"; }
std::string bytes(vtab::value v) { return std::to_string(v.as_bytes().size()); }

// ---- results

std::int64_t integer() { return INT64_MIN; }
bool boolean() { return true; }
double real() { return 0.1; }
std::string_view view() { return std::string_view("a\0b", 3); }
std::string_view empty_view() { return {}; }
const char* c_text() { return "c"; }
const char* c_null() { return nullptr; }
std::optional<std::string> absent() { return std::nullopt; }
std::optional<std::int64_t> present() { return 5; }
std::string long_text(std::int64_t size) { return std::string(static_cast<std::size_t>(size), 'x'); }
std::uint64_t huge() { return UINT64_MAX; }
vtab::value same(vtab::value v) { return v; }
std::optional<vtab::value> positive(vtab::value v) {
  return v.as_int64() > 0 ? std::optional(v) : std::nullopt;
}

// ---- errors

std::int64_t fail(std::int64_t how) {
  switch (how) {
    case 0:
      throw vtab::error("the disk is gone");
    case 1:
      throw vtab::error("the lock is held", SQLITE_BUSY);
    case 2:
      throw std::out_of_range("beyond the shelf");
    case 3:
      throw std::bad_alloc();
    case 4:
      throw 42;
    case 5:
      throw vtab::error("not OK at all", SQLITE_OK);
    default:
      return how;
  }
}

// ---- the user object

struct Counter {
  std::int64_t count = 0;
  int ended = 0;
};
std::int64_t add(Counter& counter, std::optional<std::int64_t> n) { return counter.count += n.value_or(1); }
std::int64_t add_one(Counter& counter) noexcept { return ++counter.count; }
void end(void* counter) { ++static_cast<Counter*>(counter)->ended; }

int calls = 0;
std::int64_t counted(std::int64_t n) {
  ++calls;
  return n;
}

struct Functions {
  Database db;
  Counter counter;
  vtab::Target target{api(), 0, db.handle(), &counter};

  Functions() { vtab::slot_api[0] = api(); }
  std::string query(std::string_view sql) { return db.query(sql); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(function, Functions)

BOOST_AUTO_TEST_CASE(the_signature_gives_the_numbers_of_arguments) {
  vtab::define<"none", &none>(target, 0);
  vtab::define<"some", &some, "text", "n", "r">(target, 0);
  vtab::define<"holes", &holes, "first", "second">(target, 0);
  BOOST_TEST(query("SELECT name, narg FROM pragma_function_list WHERE name IN ('none', 'some', 'holes') "
                   "ORDER BY name, narg") == "holes|2, none|0, some|-1");
  BOOST_TEST(query("SELECT none()") == "none");
  BOOST_TEST(query("SELECT some('a'), some('a', 1), some('a', 1, 2.5)") == "a|-|-|a|1|-|a|1|2.500000");
  BOOST_TEST(query("SELECT holes(NULL, 5)") == "-|5");
  BOOST_TEST(query("SELECT none(1)") == "error 1: wrong number of arguments to function none()");
  BOOST_TEST(query("SELECT some()") == "error 1: wrong number of arguments to function some()");
  BOOST_TEST(query("SELECT some(1, 2, 3, 4)") == "error 1: wrong number of arguments to function some()");
}

BOOST_AUTO_TEST_CASE(several_numbers_of_arguments_are_one_function) {
  vtab::define<"pair", &pair, "first", "second">(target, 0);
  vtab::define<"many", &many, "a", "b", "c", "d">(target, SQLITE_DETERMINISTIC);
  BOOST_TEST(
      query(
          "SELECT name, narg FROM pragma_function_list WHERE name IN ('pair', 'many') ORDER BY name, narg") ==
      "many|-1, pair|-1");
  BOOST_TEST(query("SELECT many(1), many(1, 2), many(1, 2, NULL, 4)") == "1|-|-|-|1|2|-|-|1|2|-|4");
  // The numbers that are refused are refused as SQLite refuses them.
  const std::string wrong = "error 1: wrong number of arguments to function ";
  BOOST_TEST(query("SELECT many()") == wrong + "many()");
  BOOST_TEST(query("SELECT many(1, 2, 3, 4, 5)") == wrong + "many()");
  BOOST_TEST(query("SELECT pair()") == wrong + "pair()");
  BOOST_TEST(query("SELECT pair(1, 2, 3)") == wrong + "pair()");
  BOOST_TEST(query("SELECT many('x')") == "error 1: many: a must be an integer, not text");
  BOOST_TEST(query("SELECT many(1, 2, 3, 4.5)") == "error 1: many: d must be an integer, not real");
  // Nothing is left of a refusal.
  BOOST_TEST(query("SELECT many(7)") == "7|-|-|-");
}

BOOST_AUTO_TEST_CASE(null_is_an_absent_optional_and_nothing_else) {
  vtab::define<"one", &one, "n">(target, 0);
  vtab::define<"some", &some, "text", "n", "r">(target, 0);
  BOOST_TEST(query("SELECT some('a', NULL, NULL)") == "a|-|-");
  BOOST_TEST(query("SELECT one(NULL)") == "error 1: one: n must be an integer, not NULL");
  BOOST_TEST(query("SELECT some(NULL)") == "error 1: some: text must be text, not NULL");
}

BOOST_AUTO_TEST_CASE(a_wrong_type_names_function_argument_and_both_types) {
  vtab::define<"one", &one, "n">(target, 0);
  vtab::define<"some", &some, "text", "n", "r">(target, 0);
  BOOST_TEST(query("SELECT one('5')") == "error 1: one: n must be an integer, not text");
  BOOST_TEST(query("SELECT one(5.0)") == "error 1: one: n must be an integer, not real");
  BOOST_TEST(query("SELECT some(5)") == "error 1: some: text must be text, not integer");
  BOOST_TEST(query("SELECT some(x'35')") == "error 1: some: text must be text, not blob");
  BOOST_TEST(query("SELECT some('a', 'b')") == "error 1: some: n must be an integer, not text");
  BOOST_TEST(query("SELECT some('a', 1, 'c')") == "error 1: some: r must be a number, not text");
}

BOOST_AUTO_TEST_CASE(arguments_of_every_type_arrive) {
  vtab::define<"kinds", &kinds, "text", "copy", "r", "flag", "small">(target, 0);
  BOOST_TEST(query("SELECT kinds('a', 'b', 2, 1, -128)") == "a|b|2.000000|1|-128");
  BOOST_TEST(query("SELECT kinds('a' || char(0) || 'c', '', 2.5, 0, 127)") ==
             std::string("a\0c||2.500000|0|127", 19));
  BOOST_TEST(query("SELECT kinds('a', 'b', 2, 1, 128)") ==
             "error 1: kinds: small must be an integer from -128 to 127, not 128");
  BOOST_TEST(query("SELECT kinds('a', 'b', 2, 2, 1)") ==
             "error 1: kinds: flag must be an integer from 0 to 1, not 2");
  BOOST_TEST(query("SELECT kinds('a', 'b', 9007199254740993, 1, 1)") ==
             "error 1: kinds: r must be a number that a REAL can be, not 9007199254740993");
}

BOOST_AUTO_TEST_CASE(a_value_takes_anything) {
  vtab::define<"any", &any, "v">(target, 0);
  vtab::define<"maybe_any", &maybe_any, "v">(target, 0);
  vtab::define<"bytes", &bytes, "v">(target, 0);
  BOOST_TEST(query("SELECT any(5), any(2.5), any('t'), any(x'62'), any(NULL)") ==
             "integer5|real2.5|textt|blobb|NULL");
  BOOST_TEST(query("SELECT maybe_any(), maybe_any(NULL), maybe_any(1)") == "absent|NULL|integer");
  BOOST_TEST(query("SELECT bytes(x''), bytes(zeroblob(1000)), bytes('a' || char(0)), bytes(NULL)") ==
             "0|1000|2|0");
}

BOOST_AUTO_TEST_CASE(results_of_every_type_are_shown) {
  vtab::define<"integer", &integer>(target, 0);
  vtab::define<"boolean", &boolean>(target, 0);
  vtab::define<"real", &real>(target, 0);
  vtab::define<"view", &view>(target, 0);
  vtab::define<"empty_view", &empty_view>(target, 0);
  vtab::define<"c_text", &c_text>(target, 0);
  vtab::define<"c_null", &c_null>(target, 0);
  vtab::define<"absent", &absent>(target, 0);
  vtab::define<"present", &present>(target, 0);
  vtab::define<"same", &same, "v">(target, 0);
  vtab::define<"positive", &positive, "v">(target, 0);
  BOOST_TEST(query("SELECT integer(), boolean(), real(), c_text(), c_null(), absent(), present()") ==
             "-9223372036854775808|1|0.1|c|NULL|NULL|5");
  BOOST_TEST(query("SELECT hex(view()), length(empty_view()), typeof(empty_view())") == "610062|0|text");
  BOOST_TEST(query("SELECT same(5), same('t'), same(x'00'), same(NULL), positive(5), positive(-5)") ==
             "5|t|x'00'|NULL|5|NULL");
}

BOOST_AUTO_TEST_CASE(a_long_text_is_copied_and_one_too_long_is_refused) {
  vtab::define<"long_text", &long_text, "size">(target, 0);
  BOOST_TEST(query("SELECT length(long_text(1000000))") == "1000000");
  sqlite3_limit(db.handle(), SQLITE_LIMIT_LENGTH, 1000);
  BOOST_TEST(query("SELECT length(long_text(1000))") == "1000");
  BOOST_TEST(query("SELECT long_text(1001)") == "error 18: string or blob too big");
}

BOOST_AUTO_TEST_CASE(a_number_beyond_sql_is_an_error_and_no_other_number) {
  vtab::define<"huge", &huge>(target, 0);
  BOOST_TEST(query("SELECT huge()") == "error 1: 18446744073709551615 is more than an INTEGER of SQL can be");
}

BOOST_AUTO_TEST_CASE(every_exception_is_an_sql_error) {
  vtab::define<"fail", &fail, "how">(target, 0);
  BOOST_TEST(query("SELECT fail(0)") == "error 1: the disk is gone");
  BOOST_TEST(query("SELECT fail(1)") == "error 5: the lock is held");
  BOOST_TEST(query("SELECT fail(2)") == "error 1: beyond the shelf");
  BOOST_TEST(query("SELECT fail(3)") == "error 7: out of memory");
  BOOST_TEST(query("SELECT fail(4)") == "error 2: an unknown exception was thrown");
  BOOST_TEST(query("SELECT fail(5)") == "error 1: not OK at all");
  BOOST_TEST(query("SELECT fail(6)") == "6");
}

BOOST_AUTO_TEST_CASE(the_user_object_is_the_targets) {
  vtab::define<"bump", &add, "n">(target, 0);
  vtab::define<"add_one", &add_one>(target, 0);
  BOOST_TEST(query("SELECT bump(5); SELECT bump(); SELECT bump(NULL); SELECT add_one()") == "5, 6, 7, 8");
  BOOST_TEST(counter.count == 8);
}

BOOST_AUTO_TEST_CASE(the_end_comes_once_when_the_connection_closes) {
  {
    Database other;
    BOOST_TEST((vtab::define<"add_one", &add_one>({api(), 0, other.handle(), &counter}, 0, end)) ==
               SQLITE_OK);
    other.query("SELECT add_one()");
    BOOST_TEST(counter.ended == 0);
  }
  BOOST_TEST(counter.ended == 1);
}

BOOST_AUTO_TEST_CASE(the_end_comes_once_when_the_function_is_replaced) {
  Counter second;
  vtab::define<"add_one", &add_one>(target, 0, end);
  vtab::define<"add_one", &add_one>({api(), 0, db.handle(), &second}, 0);
  BOOST_TEST(counter.ended == 1);
  BOOST_TEST(query("SELECT add_one()") == "1");
  BOOST_TEST(second.count == 1);
}

BOOST_AUTO_TEST_CASE(the_end_comes_once_when_memory_fails) {
  for (const Fault::Kind kind : {Fault::Kind::once, Fault::Kind::lasting}) {
    const long long before = memory_used();
    int failures = 0;
    int nth = 1;
    for (bool happened = true; happened; ++nth) {
      counter.ended = 0;
      {
        Database other;
        int rc = SQLITE_OK;
        {
          const Fault fault(nth, kind);
          rc = vtab::define<"add_one", &add_one>({api(), 0, other.handle(), &counter}, 0, end);
          happened = fault.happened();
        }
        if (rc != SQLITE_OK) ++failures;
        BOOST_TEST(counter.ended == (rc == SQLITE_OK ? 0 : 1));
        BOOST_TEST((rc == SQLITE_OK || rc == SQLITE_NOMEM));
      }
      BOOST_TEST(counter.ended == 1);
    }
    BOOST_TEST(failures >= 2);
    BOOST_TEST(memory_used() == before);
  }
}

BOOST_AUTO_TEST_CASE(a_function_of_several_arities_has_one_end) {
  {
    Database other;
    BOOST_TEST((vtab::define<"bump", &add, "n">({api(), 0, other.handle(), &counter}, 0, end)) == SQLITE_OK);
    BOOST_TEST(other.query("SELECT bump(), bump(5)") != "");
    BOOST_TEST(counter.ended == 0);
  }
  BOOST_TEST(counter.ended == 1);
}

BOOST_AUTO_TEST_CASE(a_slot_that_is_none_is_misuse) {
  BOOST_TEST((vtab::define<"none", &none>({api(), vtab::kSlots, db.handle(), nullptr}, 0)) == SQLITE_MISUSE);
  BOOST_TEST((vtab::define<"none", &none>({api(), -1, db.handle(), nullptr}, 0)) == SQLITE_MISUSE);
  BOOST_TEST(query("SELECT none()") == "error 1: no such function: none");
}

BOOST_AUTO_TEST_CASE(each_slot_calls_with_the_routines_of_its_own) {
  static int used = 0;
  static const vtab::Api* const real_api = api();
  static vtab::Api other = *real_api;
  other.result_text64 = [](sqlite3_context* context, const char* text, sqlite3_uint64 size,
                           void (*free)(void*), unsigned char encoding) {
    ++used;
    real_api->result_text64(context, text, size, free, encoding);
  };
  vtab::slot_api[7] = &other;
  vtab::define<"none", &none>(target, 0);
  vtab::define<"one", &one, "n">({api(), 7, db.handle(), nullptr}, 0);
  BOOST_TEST(query("SELECT none()") == "none");
  BOOST_TEST(used == 0);
  BOOST_TEST(query("SELECT one(5)") == "i5");
  BOOST_TEST(used == 1);
}

BOOST_AUTO_TEST_CASE(deterministic_functions_are_allowed_in_indexes_and_called_once_for_constants) {
  vtab::define<"plain", &counted, "n">(target, 0);
  vtab::define<"pure", &counted, "n">(target, SQLITE_DETERMINISTIC);
  query("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3)");
  calls = 0;
  query("SELECT plain(7) FROM t");
  BOOST_TEST(calls == 3);
  query("SELECT pure(7) FROM t");
  BOOST_TEST(calls == 4);
  BOOST_TEST(query("CREATE INDEX i ON t(pure(x))") == "");
  BOOST_TEST(query("CREATE INDEX j ON t(plain(x))") ==
             "error 1: non-deterministic functions prohibited in index expressions");
}

BOOST_AUTO_TEST_CASE(a_direct_only_function_is_refused_in_views_and_triggers) {
  vtab::define<"bump", &add, "n">(target, SQLITE_DIRECTONLY);
  query("CREATE VIEW v AS SELECT bump(1) AS x; CREATE VIEW w AS SELECT bump() AS x");
  for (const char* trusted : {"PRAGMA trusted_schema = ON", "PRAGMA trusted_schema = OFF"}) {
    query(trusted);
    BOOST_TEST(query("SELECT x FROM v") == "error 1: unsafe use of bump()", trusted);
    BOOST_TEST(query("SELECT x FROM w") == "error 1: unsafe use of bump()", trusted);
  }
  BOOST_TEST(query("SELECT bump(3)") == "3");
}

BOOST_AUTO_TEST_CASE(an_untrusted_schema_may_call_what_is_innocuous_only) {
  vtab::define<"plain", &none>(target, 0);
  vtab::define<"harmless", &none>(target, SQLITE_INNOCUOUS);
  query(
      "CREATE VIEW v AS SELECT plain() AS x; CREATE VIEW w AS SELECT harmless() AS x; PRAGMA trusted_schema "
      "= OFF");
  BOOST_TEST(query("SELECT x FROM w") == "none");
  BOOST_TEST(query("SELECT x FROM v") == "error 1: unsafe use of plain()");
}

BOOST_AUTO_TEST_CASE(a_call_for_which_memory_fails_is_an_error_or_right) {
  vtab::define<"some", &some, "text", "n", "r">(target, 0);
  vtab::define<"bytes", &bytes, "v">(target, 0);
  const std::string statement =
      "SELECT some('a text that is longer than any small buffer, ' || 'in two parts', 'x'), "
      "bytes(zeroblob(100000))";
  const std::string right =
      "SELECT some('another text that is longer than any small buffer', 5), bytes(zeroblob(100000))";
  int failures = 0;
  int nth = 1;
  for (bool happened = true; happened; ++nth) {
    std::string answer;
    std::string wrong_type;
    {
      const Fault fault(nth, Fault::Kind::once);
      const auto got = db.run(right);
      answer = got.code == SQLITE_OK ? got.rows : std::to_string(got.code);
      happened = fault.happened();
    }
    {
      const Fault fault(nth, Fault::Kind::lasting);
      wrong_type = std::to_string(db.run(statement).code);
    }
    if (answer == "7") ++failures;
    BOOST_TEST((answer == "7" || answer == "another text that is longer than any small buffer|5|-|100000"),
               answer);
    BOOST_TEST((wrong_type == "7" || wrong_type == "1"), wrong_type);
  }
  BOOST_TEST(failures > 10);
}

BOOST_AUTO_TEST_SUITE_END()
