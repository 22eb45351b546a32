// What a benchmark is: a part that compares and reports, in the program itself, and a part that is measured, in fresh
// processes of the same program (`warden_bench --child NAME key=value ...`, which can be run by hand).
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "child.hpp"
#include "report.hpp"

namespace warden::bench {

/// The test data; made when first asked for, removed when the program ends.
class Data {
 public:
  Data();
  ~Data();
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;

  /// A table of 1 000 000 rows and about 410 MB: data(id INTEGER PRIMARY KEY, key, payload). Larger than kBudgetBytes.
  const std::string& big();
  /// A shop of a few tables and about 25 MB: see workload.hpp.
  const std::string& shop();
  /// 1 000 000 jobs and 1.0 GB: sql/jobs_schema.sql, sql/generate_jobs.sql.
  const std::string& jobs();
  /// The same with all 54 indexes of cc-backend, and analysed: 2.1 GB. Made in minutes.
  const std::string& indexed_jobs();
  /// So many jobs, for the columns of jobs, which may write to the file. It takes the place of the one before.
  const std::string& jobs(std::int64_t count);
  /// How many jobs the columns are measured with: `jobs`, and if `full` then 20 000 000. Fewer than 1 000 000 are for trying
  /// the benchmarks out: then nobody has more.
  struct Scale {
    std::int64_t jobs = 2'000'000;
    bool full = false;
  };
  Scale scale;

  /// A path in the temporary directory.
  std::string file(std::string_view name) const { return directory_ + "/" + std::string(name); }
  /// Removes everything; also for a signal's thread.
  void remove() noexcept;

 private:
  /// Throws Skip where so much does not fit in the temporary directory.
  void need_space(std::int64_t bytes) const;

  std::string directory_;
  std::string big_;
  std::string shop_;
  std::string jobs_;
  std::string indexed_jobs_;
  std::string counted_jobs_;
};

inline constexpr std::int64_t kBudgetBytes = 256'000'000;
inline constexpr const char* kBudget = "256MB";
inline constexpr std::int64_t kRows = 1'000'000;

/// Reads the whole of big().
inline constexpr const char* kScan = "SELECT sum(key) FROM data";
/// The same again and again: whoever cuts it off finds it running.
inline constexpr const char* kLongScan =
    "WITH RECURSIVE again(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM again LIMIT 1000)"
    " SELECT count((SELECT sum(key + i) FROM data)) FROM again";
/// Takes a minute and more, and almost no memory; to be cut off.
inline constexpr const char* kLongCount =
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
    " SELECT count(*) FROM n";
/// What people set who want it fast.
inline constexpr const char* kUnlimitedCache = "PRAGMA cache_size=1000000000";

struct Benchmark {
  const char* name;
  const char* what;
  void (*run)(Data& data, Report& report);
  /// In the fresh process: measures as told, and says numbers.
  void (*child)(const Parameters& given);
};

extern const Benchmark kBudgetHolds;
extern const Benchmark kCli;
extern const Benchmark kBesideIdle;
extern const Benchmark kGiveBack;
extern const Benchmark kLookUps;
extern const Benchmark kInstructions;
extern const Benchmark kIdle;
extern const Benchmark kConnections;
extern const Benchmark kTables;
extern const Benchmark kDeadlines;
extern const Benchmark kCancels;
extern const Benchmark kStale;
extern const Benchmark kCancelledMemory;
extern const Benchmark kShapes;
extern const Benchmark kJobStatistics;
extern const Benchmark kJobHistograms;
extern const Benchmark kJobFilters;
extern const Benchmark kJobPlans;
extern const Benchmark kJobMemory;
extern const Benchmark kJobCancels;
extern const Benchmark kColumns;

/// Runs a benchmark's child to its end; its numbers.
Numbers measure(const Benchmark& benchmark, const Parameters& given);

}  // namespace warden::bench
