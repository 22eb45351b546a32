// What job statistics are: sums and histograms over the flat table.
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "job_oracle.hpp"

namespace warden::test {
namespace {

std::string text(std::int64_t n) { return std::to_string(n); }

/// Rows "key|count" as a map.
std::map<std::int64_t, std::int64_t> counts(const Db& db, const std::string& sql) {
  std::map<std::int64_t, std::int64_t> all;
  for (const std::string& row : db.rows(sql)) {
    const auto bar = row.find('|');
    all[std::stoll(row.substr(0, bar))] = std::stoll(row.substr(bar + 1));
  }
  return all;
}

std::string source(const Meaning& meaning, const Mode& mode) {
  return " FROM " + (mode.parity ? meaning.from : "flat AS job") + " WHERE " + meaning.where;
}

}  // namespace

const std::vector<std::string>& flat_metrics() {
  static const std::vector<std::string> all{"cpu_load_avg", "flops_any_avg", "m_edge",
                                            "mem_bw_avg",   "mem_used_max",  "no_such_avg"};
  return all;
}

void make_flat(const Db& db, std::int64_t now) {
  std::string metrics;
  for (const std::string& key : flat_metrics()) {
    metrics += ", CASE WHEN json_valid(footprint) THEN json_extract(footprint, '$." + key + "') END AS \"" +
               key + '"';
  }
  db.rows(
      "CREATE TEMP TABLE flat AS SELECT id, job_id, hpc_user, project, cluster, subcluster, start_time, "
      "cluster_partition, array_job_id, num_nodes, num_hwthreads, num_acc, shared, monitoring_status, smt, "
      "job_state, "
      "duration, walltime, CAST(resources AS TEXT) AS resources, CAST(footprint AS TEXT) AS footprint, "
      "energy, "
      "CASE WHEN job_state = 'running' THEN " +
      text(now) +
      " - start_time ELSE duration END AS seconds, "
      "CASE WHEN json_valid(meta_data) THEN json_extract(meta_data, '$.jobName') END AS job_name, "
      "coalesce(json_valid(meta_data), 0) AS meta_is_json, coalesce(json_valid(resources), 0) AS "
      "resources_are_json, "
      "coalesce(json_valid(footprint), 0) AS footprint_is_json, "
      "length(footprint) > 0 AND NOT json_valid(footprint) AS bad_footprint" +
      metrics + " FROM main.job ORDER BY id");
  db.rows(
      "CREATE TEMP TABLE flat_host AS SELECT job.id AS id, "
      "CASE WHEN e.type = 'object' THEN json_extract(e.value, '$.hostname') END AS hostname "
      "FROM (SELECT * FROM main.job WHERE json_valid(resources) ORDER BY id LIMIT -1 OFFSET 0) AS job "
      "JOIN json_each(job.resources) AS e");
  db.rows("CREATE INDEX temp.flat_host_of ON flat_host (id)");
}

Lines expected_stats(const Db& db, const Meaning& meaning, const Mode& mode, const std::string& column) {
  const auto hours = [&](const std::string& sum) {
    return mode.parity ? "coalesce(" + sum + ", 0) / 3600"
                       : "CAST(round(coalesce(" + sum + ", 0) / 3600.0) AS INTEGER)";
  };
  const std::string shorter = mode.parity ? "job.duration" : "job.seconds";
  const std::string key = column.empty() ? "NULL" : "job." + column;
  const std::string name =
      column == "hpc_user" ? "(SELECT u.name FROM hpc_user AS u WHERE u.username = job.hpc_user)" : "NULL";
  std::string sql = "SELECT " + key + ", " + name + ", count(*), count(DISTINCT job.hpc_user), " +
                    hours("sum(job.seconds)") + ", coalesce(sum(job.num_nodes), 0), " +
                    hours("sum(job.seconds * job.num_nodes)") + ", coalesce(sum(job.num_hwthreads), 0), " +
                    hours("sum(job.seconds * job.num_hwthreads)") + ", coalesce(sum(job.num_acc), 0), " +
                    hours("sum(job.seconds * job.num_acc)") +
                    ", count(CASE WHEN job.job_state = 'running' THEN 1 END), count(CASE WHEN " + shorter +
                    " < " + text(mode.short_seconds) + " THEN 1 END)" + source(meaning, mode);
  if (column.empty()) return db.rows(sql);
  if (mode.parity) sql += " AND " + key + " IS NOT NULL";
  return db.rows(sql + " GROUP BY 1 ORDER BY 1");
}

Lines expected_durations(const Db& db, const Meaning& meaning, const Mode& mode, const std::string& bins) {
  static const std::map<std::string, std::pair<std::int64_t, std::int64_t>> known{
      {"1m", {60, 60}},     {"10m", {72, 600}},    {"1h", {48, 3600}},
      {"6h", {12, 21'600}}, {"12h", {14, 43'200}}, {"24h", {24, 86'400}}};
  auto [most, width] = known.at(bins);
  if (mode.parity && bins == "24h") width = 3600;  // upstream's days have one hour
  const auto seen = counts(db, "SELECT job.seconds / " + text(width) + " + 1 AS bin, count(*)" +
                                   source(meaning, mode) + " GROUP BY bin");
  std::int64_t below = 0;
  std::int64_t above = 0;
  for (const auto& [bin, jobs] : seen) {
    if (bin < 1) below += jobs;
    if (bin > most) above += jobs;
  }
  Lines lines;
  if (!mode.parity && below > 0) lines.push_back("0|NULL|0|" + text(below));
  for (std::int64_t bin = 1; bin <= most; ++bin) {
    const auto found = seen.find(bin);
    lines.push_back(text(bin) + "|" + text((bin - 1) * width) + "|" + text(bin * width) + "|" +
                    text(found == seen.end() ? 0 : found->second));
  }
  if (!mode.parity) lines.push_back(text(most + 1) + "|" + text(most * width) + "|NULL|" + text(above));
  return lines;
}

std::optional<Lines> expected_numbers(const Db& db, const Meaning& meaning, const Mode& mode,
                                      const std::string& column) {
  const std::string x = "job." + column;
  Lines lines = db.rows("SELECT " + x + ", " + x + ", " + x + ", count(*)" + source(meaning, mode) +
                        " GROUP BY " + x + " ORDER BY " + x + " IS NULL, " + x);
  if (mode.parity && !lines.empty() && lines.back().starts_with("NULL|")) return std::nullopt;
  return lines;
}

Lines expected_metric(const Db& db, const Meaning& meaning, const Mode& mode, const std::string& metric,
                      const std::optional<std::string>& peak, int bins) {
  const std::string v = "job.\"" + metric + '"';
  const std::string of_numbers = source(meaning, mode) + " AND typeof(" + v + ") IN ('integer', 'real')";
  const auto count = [&](const std::string& condition) {
    return db.number("SELECT count(*)" + of_numbers + condition);
  };
  std::string top = peak.value_or("0");
  if (!peak) {
    // The smallest power of two above all values.
    int exponent = 0;
    std::frexp(
        std::atof(db.one("SELECT coalesce(max(" + v + "), 0)" + of_numbers + " AND " + v + " > 0").c_str()),
        &exponent);
    std::array<char, 64> digits{};
    std::snprintf(digits.data(), digits.size(), "%.17g", std::ldexp(1.0, exponent));
    if (exponent != 0 || count(" AND " + v + " > 0") > 0) top = digits.data();
  }
  const double most = std::stod(top);
  // With a point, so that v / top is no division of integers.
  if (top.find_first_of(".eE") == std::string::npos) top += ".0";
  top = number_sql(top);
  // Without a peak nothing below 0 has a bin: how wide the first one will be is not known.
  const std::string from_0 = peak ? "" : " AND " + v + " >= 0";
  auto seen =
      counts(db, "SELECT CAST((CASE WHEN " + v + " = " + top + " THEN " + top + " * 0.999999999 ELSE " + v +
                     " END) / " + top + " * " + text(bins) + " AS INTEGER) + 1 AS bin, count(*)" +
                     of_numbers + from_0 + " AND " + v + " <= " + top + " AND " + top + " > 0 GROUP BY bin");
  std::int64_t below = peak ? 0 : count(" AND " + v + " < 0");
  if (!peak && most == 0) seen[1] = count(" AND " + v + " = 0");
  for (const auto& [bin, jobs] : seen) below += bin < 1 ? jobs : 0;
  const std::string without = text(db.number("SELECT count(*)" + source(meaning, mode)) - count(""));
  Lines lines;
  if (!mode.parity && below > 0) lines.push_back("0|NULL|0.0|" + text(below) + "|" + without);
  // Edges: upstream's are whole numbers, whatever the peak.
  const std::string width = mode.parity ? text(static_cast<std::int64_t>(most) / bins) : top;
  const std::string divided = mode.parity ? "" : " / " + text(bins);
  const std::string edges = "(bin - 1) * " + width + divided + ", bin * " + width + divided;
  const Lines edge_texts =
      db.rows("WITH RECURSIVE b(bin) AS (SELECT 1 UNION ALL SELECT bin + 1 FROM b WHERE bin < " + text(bins) +
              ") SELECT " + edges + " FROM b");
  for (std::int64_t bin = 1; bin <= bins; ++bin) {
    lines.push_back(text(bin) + "|" + edge_texts[static_cast<std::size_t>(bin - 1)] + "|" + text(seen[bin]) +
                    "|" + without);
  }
  if (!mode.parity)
    lines.push_back(text(bins + 1) + "|" + db.one("SELECT 1 * " + top) + "|NULL|" +
                    text(count(" AND " + v + " > " + top)) + "|" + without);
  return lines;
}

}  // namespace warden::test
