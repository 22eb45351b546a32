// The host as if warden were not there: thousands of generated scripts, each played by a host with warden at its most
// aggressive and by one without. All that the two are told must be the same, to the byte, and so must be the files that
// they leave. Only memory figures may differ.
//
// TEST_SEED=n begins with that script, TEST_SECONDS=n goes on for so long in each mode.
#include <sqlite3.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <iostream>

#include "stage.hpp"

namespace warden::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(WARDEN_COUNTS_PROGRAM)
constexpr std::int64_t kShare = 4;  // of the scripts: builds that check or count take so many times longer
#else
constexpr std::int64_t kShare = 1;
#endif
constexpr std::uint64_t kSeed = 20'000;

std::int64_t from_environment(const char* name, std::int64_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr ? otherwise : std::strtoll(given, nullptr, 10);
}

/// Kinds of steps that never succeed. Their codes are below.
constexpr const char* kMistakes[] = {"ambiguous",         "datatype constraint",    "datatype mismatch",
                                     "integer overflow",  "misuse of an aggregate", "not null constraint",
                                     "read only",         "rowid constraint",       "too big",
                                     "too deep",          "too many columns",       "too many terms",
                                     "unique constraint", "write to sqlite_schema", "wrong pattern",
                                     "wrong syntax"};

Comparison g_all;

void plays_alike(Mode mode, std::int64_t scripts) {
  const Comparison result = compare(mode, static_cast<std::uint64_t>(from_environment("TEST_SEED", kSeed)),
                                    scripts / kShare, from_environment("TEST_SECONDS", 0));
  BOOST_TEST(result.failure == "");
  BOOST_TEST(result.comparisons > 0);
  BOOST_TEST(result.events > result.comparisons / 2);  // warden did something meanwhile
  g_all.figures.add(result.figures);
  g_all.comparisons += result.comparisons;
  g_all.bytes += result.bytes;
  g_all.events += result.events;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(differential)

BOOST_AUTO_TEST_CASE(two_hosts_without_warden_play_alike) {
  const Comparison result = compare(Mode::trace, kSeed, 60, 0, Stage::Warden::without);
  BOOST_TEST(result.failure == "");
}

BOOST_AUTO_TEST_CASE(a_host_plays_alike_with_hooks_of_statements) { plays_alike(Mode::trace, 1000); }
BOOST_AUTO_TEST_CASE(a_host_plays_alike_with_a_progress_handler) { plays_alike(Mode::progress, 600); }
BOOST_AUTO_TEST_CASE(a_host_plays_alike_under_a_heap_limit_of_one_byte) { plays_alike(Mode::limit, 500); }
BOOST_AUTO_TEST_CASE(a_host_plays_alike_with_enforced_settings) { plays_alike(Mode::settings, 500); }

BOOST_AUTO_TEST_CASE(the_scripts_reach_what_they_should) {
  const Figures& figures = g_all.figures;
  std::cout << "figures: " << figures.scripts << " scripts, " << figures.statements << " statements, "
            << figures.tried.size() << " kinds of steps, " << figures.codes.size() << " error codes, "
            << figures.opcodes.size() << " opcodes, " << figures.callbacks.size() << " kinds of callbacks, "
            << g_all.bytes / 1'000'000 << " MB of files compared, " << g_all.events << " actions of warden"
            << std::endl;
  if (g_all.comparisons < 2000) return;  // only a part was run
  if (std::getenv("TEST_VERBOSE") != nullptr) std::cout << figures.text();
  // A kind of step that never succeeds is a mistake of the generator, except where it is one on purpose.
  for (const auto& [kind, n] : figures.tried) {
    const bool fails_on_purpose =
        std::find(std::begin(kMistakes), std::end(kMistakes), kind) != std::end(kMistakes);
    BOOST_TEST_CONTEXT(kind << ", tried " << n << " times") {
      BOOST_TEST((n < 40 || fails_on_purpose || figures.kinds.contains(kind)));
    }
  }
  for (const int code : {SQLITE_ERROR,
                         SQLITE_BUSY,
                         SQLITE_LOCKED,
                         SQLITE_LOCKED_SHAREDCACHE,
                         SQLITE_READONLY,
                         SQLITE_INTERRUPT,
                         SQLITE_TOOBIG,
                         SQLITE_MISMATCH,
                         SQLITE_AUTH,
                         SQLITE_RANGE,
                         SQLITE_CANTOPEN,
                         SQLITE_FULL,
                         SQLITE_ABORT,
                         SQLITE_CONSTRAINT_UNIQUE,
                         SQLITE_CONSTRAINT_PRIMARYKEY,
                         SQLITE_CONSTRAINT_NOTNULL,
                         SQLITE_CONSTRAINT_CHECK,
                         SQLITE_CONSTRAINT_FOREIGNKEY,
                         SQLITE_CONSTRAINT_TRIGGER,
                         SQLITE_CONSTRAINT_ROWID,
                         SQLITE_CONSTRAINT_DATATYPE,
                         SQLITE_BUSY_SNAPSHOT,
                         SQLITE_CORRUPT,
                         SQLITE_SCHEMA,
                         SQLITE_MISUSE,
                         SQLITE_CONSTRAINT_COMMITHOOK}) {
    BOOST_TEST_CONTEXT("error code " << code) { BOOST_TEST(figures.codes.contains(code)); }
  }
  for (const char* name : {"authorizer", "commit", "rollback", "update", "preupdate", "wal", "progress",
                           "busy", "collation needed", "collation", "function", "aggregate function",
                           "failing function", "function with a statement", "interrupting function",
                           "trace of a statement", "trace of a statement's end", "trace of a row"}) {
    BOOST_TEST_CONTEXT("callback " << name) { BOOST_TEST(figures.callbacks.contains(name)); }
  }
  BOOST_TEST(figures.opcodes.size() >= 120U);
  BOOST_TEST(figures.statements >= figures.scripts * 35);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
