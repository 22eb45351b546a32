#include "job_data.hpp"

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "job_oracle.hpp"

namespace warden::test {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr int kJobs = 600;
#else
constexpr int kJobs = 1500;
#endif
constexpr int kOddJobs = 300;
constexpr std::int64_t kFirstOddJob = 100'000'001;

std::string text_of_file(const std::string& name) {
  std::ifstream file(std::string(WARDEN_SOURCE_DIR) + "/" + name);
  if (!file) throw std::runtime_error("can't read " + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// Footprints, as SQL. The metric m_edge has values on the edges of 10 bins up to 72, and just beside them.
const std::vector<std::string> kFootprints{
    "NULL",
    "''",
    "'null'",
    "'{}'",
    "' { } '",
    "'[]'",
    "'5'",
    "'no JSON'",
    "'{\"m_edge\":1'",
    "'{\"m_edge\":01}'",
    "'{\"m_edge\":1.}'",
    "'{\"m_edge\":7.2}x'",
    "'{\"m_edge\":null}'",
    "'{\"m_edge\":true,\"mem_bw_avg\":false}'",
    "'{\"m_edge\":\"36\",\"mem_bw_avg\":20.5}'",
    "'{\"m_edge\":{\"avg\":5},\"mem_bw_avg\":[1,2]}'",
    "'{\"m_edge\":7.2,\"m_edge\":36}'",
    "'{\"m\\u005fedge\":7.2,\"mem_bw_avg\":3}'",
    "'{\"mem_bw_avg\":\"a \\\" quote\",\"m_edge\":21.6}'",
    "'{\"m_edge\":1.44e1}'",
    "'{\"m_edge\":5E+1,\"mem_bw_avg\":1e-3}'",
    "'{\"m_edge\":-3}'",
    "'{\"m_edge\":-7.2}'",
    "'{\"m_edge\":-0.001,\"mem_bw_avg\":-20}'",
    "'{\"m_edge\":0}'",
    "'{\"m_edge\":-0}'",
    "'{\"m_edge\":0.0}'",
    "'{\"m_edge\":7}'",
    "'{\"m_edge\":7.1999}'",
    "'{\"m_edge\":7.2}'",
    "'{\"m_edge\":7.200}'",
    "'{\"m_edge\":14.4}'",
    "'{\"m_edge\":21.6}'",
    "'{\"m_edge\":28.8}'",
    "'{\"m_edge\":36}'",
    "'{\"m_edge\":43.2}'",
    "'{\"m_edge\":50.4}'",
    "'{\"m_edge\":57.6}'",
    "'{\"m_edge\":64.8}'",
    "'{\"m_edge\":71.999999999999}'",
    "'{\"m_edge\":71.99999999999999}'",
    "'{\"m_edge\":72}'",
    "'{\"m_edge\":72.0}'",
    "'{\"m_edge\":72.000001}'",
    "'{\"m_edge\":1234567890123456789}'",
    "'{\"m_edge\":29}'",
    "'{\"m_edge\":57}'",
    "'{\"m_edge\":58}'",
    "'{\"m_edge\":0.1234567890123456789}'",
    "'\t{ \"cpu_load_avg\" : 62.753 ,\n \"m_edge\" : 50.4 , \"mem_bw_avg\" : 175.863 }\r\n'",
    "'{\"cpu_load_avg\":62.753,\"flops_any_avg\":765.157,\"m_edge\":3.5,\"mem_bw_avg\":175.863}'",
    "'{\"cpu_load_avg\":\"Ünïcode\",\"other\":[{\"deep\":[1,2,{\"m_edge\":9}]}],\"m_edge\":64.8,\"mem_bw_"
    "avg\":350}'"};

const std::vector<std::string> kMetaData{"NULL",
                                         "''",
                                         "'null'",
                                         "'{}'",
                                         "'no JSON'",
                                         "'[1]'",
                                         "'{\"jobName\":null}'",
                                         "'{\"jobName\":42}'",
                                         "'{\"jobName\":{\"a\":1}}'",
                                         "'{\"jobName\":\"interactive\"}'",
                                         "'{\"jobName\":\"Interactive\"}'",
                                         "'{\"jobScript\":\"x\",\"jobName\":\"interactive\"}'",
                                         "'{\"jobName\":\"50%_done\"}'",
                                         "'{\"jobName\":\"50x_done\"}'",
                                         "'{\"jobName\":\"a_b\"}'",
                                         "'{\"jobName\":\"aXb\"}'",
                                         "'{\"jobName\":\"back\\\\slash\"}'",
                                         "'{\"jobName\":\"it''s \\\"quoted\\\"\"}'",
                                         "'{\"jobName\":\"größe\"}'",
                                         "'{\"jobName\":\"GRÖSSE\"}'",
                                         "'{\"jobName\":\"\"}'"};

const std::vector<std::string> kResources{
    "'[]'",
    "''",
    "'no JSON'",
    "'null'",
    "'[1,\"f0101\",null,[2]]'",
    "'[{\"hostname\":\"f0101\"}]'",
    "'[{\"hostname\":\"F0101\"},{\"hostname\":\"f0102\"}]'",
    "'[{\"hostname\":\"f0101\"},{\"hostname\":\"f0101\"}]'",
    "'[{\"hwthreads\":[1,2]}]'",
    "'[{\"hostname\":null},{\"hostname\":7}]'",
    "'[{\"hostname\":\"n_1%\"}]'",
    "'[{\"hostname\":\"nx1y\",\"accelerators\":[\"0\"]},\"f0102\",{\"hostname\":\"o''neil\"}]'",
    "'{\"hostname\":\"f0101\"}'",
    "'{\"a\":{\"hostname\":\"f0102\"}}'"};

const std::vector<std::string> kUsers{"'o''hara'", "'a_b'",         "'aXb'",        "'A_B'",    "'100%'",
                                      "'100x'",    "'back\\slash'", "'\"quoted\"'", "'Ärger'",  "'ärger'",
                                      "''",        "' chem101'",    "'chem101'",    "'CHEM101'"};
const std::vector<std::string> kProjects{"'chem-0'", "'CHEM-0'", "'p_1'", "'pX1'", "'p%'", "'--'", "';'"};
const std::vector<std::string> kClusters{"'fritz'", "'alex'", "'Fritz'", "'f_itz'", "'new cluster'"};
const std::vector<std::string> kSubClusters{"'main'", "'a40'", "'MAIN'", "'ma_n'"};
const std::vector<std::string> kPartitions{"NULL", "NULL", "'work'", "''", "'wo%k'", "'singlenode'"};
const std::vector<std::string> kStates{"'running'",   "'running'", "'running'",   "'completed'",
                                       "'completed'", "'failed'",  "'cancelled'", "'timeout'"};
const std::vector<std::string> kNumbers{"NULL", "NULL", "0", "1", "2", "72", "128", "144", "7000000"};
const std::vector<std::string> kArrays{"NULL", "0", "0", "5", "1000033"};

/// Seconds before now: beside the bounds of last6h, last24h, last7d, last30d, of bins, of short jobs; some in the future.
const std::vector<std::int64_t> kAges{
    21'599, 21'600, 21'601, 86'399, 86'400,    86'401, 604'800, 604'801, 2'592'000, 2'592'001, 299,
    300,    301,    3599,   3600,   3601,      0,      -1,      -59,     -60,       -3600,     -7201,
    -5000,  1800,   1801,   7200,   9'000'000, 43'200, 172'800, 100'000, 7'000'000, 31};
const std::vector<std::int64_t> kDurations{
    0,    1,    59,     60,     299,    300,    301,    599,     600,     1799,    1800,    3599,     3600,
    7199, 7200, 21'600, 43'199, 43'200, 86'399, 86'400, 172'800, 259'200, 604'799, 604'800, 2'073'600};

}  // namespace

Db empty_jobs() {
  Db db;
  db.load();
  db.rows(text_of_file("sql/jobs_schema.sql"));
  return db;
}

void generate_jobs(const Db& db, int jobs) {
  std::string sql = text_of_file("sql/generate_jobs.sql");
  replace_all(sql, ":first_job", "1");
  replace_all(sql, ":jobs", std::to_string(jobs));
  db.rows(sql);
}

void insert_job(const Db& db, std::int64_t id, const std::string& values) {
  const std::string number = std::to_string(id);
  db.rows(
      "INSERT INTO job (id, job_id, cluster, subcluster, start_time, hpc_user, project, cluster_partition, "
      "array_job_id, duration, walltime, job_state, meta_data, resources, num_nodes, num_hwthreads, num_acc, "
      "shared, "
      "footprint) VALUES (" +
      number + ", " + number +
      ", 'c', 's', 0, 'u', 'p', 'q', 0, 3600, 7200, 'completed', '{}', '[]', 1, 4, 0, 'none', '{}')");
  if (!values.empty()) db.rows("UPDATE job SET " + values + " WHERE id = " + number);
}

std::vector<std::string> misread_numbers(const Db& db, std::size_t most) {
  std::vector<std::string> found;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db.get(), "SELECT CAST(?1 AS REAL), json_extract('[' || ?1 || ']', '$[0]')", -1,
                         &statement, nullptr) != SQLITE_OK)
    return found;
  Random random(7);
  for (int tries = 0; tries < 100'000 && found.size() < most; ++tries) {
    const std::size_t decimals = 4 + random.below(9);
    std::string digits = std::to_string(100'000'000'000'000 + random.below(900'000'000'000'000));
    digits.insert(digits.size() - decimals, ".");
    sqlite3_bind_text(statement, 1, digits.c_str(), -1, SQLITE_STATIC);
    sqlite3_step(statement);
    const double in_sql = sqlite3_column_double(statement, 0);
    const double in_json = sqlite3_column_double(statement, 1);
    sqlite3_reset(statement);
    const double right = std::strtod(digits.c_str(), nullptr);
    if (in_sql < right || in_sql > right || in_json < right || in_json > right) found.push_back(digits);
  }
  sqlite3_finalize(statement);
  return found;
}

const JobData& JobData::get() {
  static const JobData made;
  return made;
}

JobData::JobData() {
  if (const char* file = std::getenv("TEST_JOBS"); file != nullptr) {
    const Db real(file, SQLITE_OPEN_FULLMUTEX);
    sqlite3_backup* copy = sqlite3_backup_init(db.get(), "main", real.get(), "main");
    sqlite3_backup_step(copy, -1);
    sqlite3_backup_finish(copy);
    db.load();
  } else {
    db = empty_jobs();
    generate_jobs(db, kJobs);
  }
  now = db.number("SELECT max(start_time) + 3600 FROM job");
  insert_odd_jobs();
  db.rows("ANALYZE");
  make_flat(db, now);
  read_values();
}

void JobData::insert_odd_jobs() {
  Random random(2);
  std::vector<std::string> footprints = kFootprints;
  for (const std::string& digits : misread_numbers(db, 12))
    footprints.push_back("'{\"m_edge\":" + digits + "}'");
  db.rows("BEGIN");
  for (std::int64_t i = 0; i < kOddJobs; ++i) {
    const auto json = [&](const std::string& sql) {
      return random.one_in(2) && sql != "NULL" ? "CAST(" + sql + " AS BLOB)" : sql;
    };
    std::string columns;
    const auto set = [&](const std::string& column, const std::string& value) {
      columns += (columns.empty() ? "" : ", ") + column + " = " + value;
    };
    set("hpc_user", random.pick(kUsers));
    set("project", random.pick(kProjects));
    set("cluster", random.pick(kClusters));
    set("subcluster", random.pick(kSubClusters));
    set("cluster_partition", random.pick(kPartitions));
    set("job_state", random.pick(kStates));
    set("array_job_id", random.pick(kArrays));
    set("start_time", std::to_string(now - random.pick(kAges)));
    set("duration", std::to_string(random.pick(kDurations)));
    set("walltime", random.one_in(2) ? "3600" : "86400");
    set("num_nodes", std::to_string(1 + random.below(4)));
    set("num_hwthreads", random.pick(kNumbers));
    set("num_acc", random.pick(kNumbers));
    set("shared", random.one_in(2) ? "'none'" : "'multi_user'");
    set("energy", random.one_in(2) ? "0" : std::to_string(random.below(500)) + ".25");
    set("footprint", json(footprints[static_cast<std::size_t>(i) % footprints.size()]));
    set("meta_data", json(random.pick(kMetaData)));
    set("resources", json(random.pick(kResources)));
    insert_job(db, kFirstOddJob + i, columns);
    for (int tag = 1; tag <= 4; ++tag) {
      if (random.one_in(4)) {
        db.rows("INSERT OR IGNORE INTO tag (id, tag_type, tag_name) VALUES (" + std::to_string(tag) +
                ", 'odd', '" + std::to_string(tag) + "'); INSERT INTO jobtag (job_id, tag_id) VALUES (" +
                std::to_string(kFirstOddJob + i) + ", " + std::to_string(tag) + ")");
      }
    }
  }
  db.rows(
      "INSERT INTO hpc_user (username, name) VALUES ('o''hara', 'Maureen O''Hara'), ('a_b', NULL), ('100%', "
      "'')");
  db.rows("COMMIT");
}

void JobData::read_values() {
  const auto texts = [&](const std::string& expression, const std::string& from = "flat") {
    return db.rows("SELECT DISTINCT " + expression + " AS v FROM " + from +
                   " WHERE v IS NOT NULL ORDER BY v");
  };
  const auto numbers = [&](const std::string& column) {
    std::vector<std::int64_t> all;
    for (const std::string& n : texts(column)) all.push_back(std::stoll(n));
    return all;
  };
  values.now = now;
  values.ids = numbers("id");
  values.ids.push_back(0);
  values.array_ids = numbers("array_job_id");
  values.start_times = numbers("start_time");
  values.job_ids = texts("job_id");
  values.users = texts("hpc_user");
  values.projects = texts("project");
  values.job_names = texts("job_name");
  values.clusters = texts("cluster");
  values.sub_clusters = texts("subcluster");
  values.partitions = texts("cluster_partition");
  values.nodes = texts("hostname", "flat_host");
  // As they are stored, and as they are: the bounds of ranges that must and must not meet the jobs that run.
  values.durations = texts("duration");
  for (const std::string& age : texts("seconds")) values.durations.push_back(age);
  values.energies = texts("energy");
  values.num_nodes = texts("num_nodes");
  values.num_accelerators = texts("num_acc");
  values.num_hw_threads = texts("num_hwthreads");
  const auto misread = misread_numbers(db, 12);
  for (const std::string& key : flat_metrics()) {
    values.metrics.push_back(key);
    auto seen = db.rows("SELECT DISTINCT printf('%!.15g', \"" + key + "\") AS v FROM flat WHERE typeof(\"" +
                        key + "\") IN ('integer', 'real') ORDER BY v");
    if (key == "m_edge") seen.insert(seen.end(), misread.begin(), misread.end());
    values.metric_values.push_back(std::move(seen));
  }
}

}  // namespace warden::test
