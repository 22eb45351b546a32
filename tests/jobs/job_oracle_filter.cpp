// What a job filter means: conditions over the flat table.
#include <array>

#include "job_oracle.hpp"

namespace warden::test {
namespace {

/// Thrown where a filter must be refused.
struct Refused {};

class Reading {
 public:
  explicit Reading(const Mode& mode) : mode_(mode) {}

  void filter(const JobFilter& f) {
    if (f.db_id) need(any_of("job.id", numbers(*f.db_id)));
    if (f.tags) tags(numbers(*f.tags));
    if (f.job_id) need(rule("job.job_id", *f.job_id));
    if (f.user) need(rule("job.hpc_user", *f.user));
    if (f.project) need(rule("job.project", *f.project));
    if (f.cluster) need(rule("job.cluster", *f.cluster));
    if (f.sub_cluster) need(rule("job.subcluster", *f.sub_cluster));
    if (f.partition) need(rule("job.cluster_partition", *f.partition));
    if (f.job_name) job_name(*f.job_name);
    if (f.node) node(*f.node);
    if (f.array_job_id) need("job.array_job_id = " + std::to_string(*f.array_job_id));
    if (f.min_running_for)
      need(std::to_string(mode_.now) + " - job.start_time > " + std::to_string(*f.min_running_for));
    // How long a job that runs has run is not what the table says.
    if (f.duration) need(range(mode_.parity ? "job.duration" : "job.seconds", *f.duration));
    if (f.energy) need(range("job.energy", *f.energy));
    if (f.num_nodes) need(range("job.num_nodes", *f.num_nodes));
    if (f.num_accelerators) need(range("job.num_acc", *f.num_accelerators));
    if (f.num_hw_threads) need(range("job.num_hwthreads", *f.num_hw_threads));
    if (f.start_time) start_time(*f.start_time);
    if (f.state) need(any_of("job.job_state", texts(*f.state)));
    if (f.shared) need("job.shared = " + sql_text(*f.shared));
    if (f.schedule) schedule(*f.schedule);
    if (f.metric_stats) metrics(*f.metric_stats);
  }

  Meaning meaning;

 private:
  void need(const std::string& condition) {
    if (!condition.empty()) meaning.where += " AND (" + condition + ")";
  }
  static std::vector<std::string> numbers(const std::vector<std::int64_t>& list) {
    std::vector<std::string> all;
    for (const std::int64_t n : list) all.push_back(std::to_string(n));
    return all;
  }
  static std::vector<std::string> texts(const std::vector<std::string>& list) {
    std::vector<std::string> all;
    for (const std::string& text : list) all.push_back(sql_text(text));
    return all;
  }
  static std::string any_of(const std::string& x, const std::vector<std::string>& values) {
    std::string condition = "0";
    for (const std::string& value : values) condition += " OR " + x + " = " + value;
    return condition;
  }

  /// The first rule that is given counts. Upstream's patterns know wildcards; ours are compared as they stand, letters of
  /// ASCII in either case.
  std::string rule(const std::string& x, const TextInput& t, bool takes_lists = true) const {
    if (t.eq) return x + " = " + sql_text(*t.eq);
    if (t.neq) return x + " != " + sql_text(*t.neq);
    const std::string low = "lower(" + x + ")";
    if (t.starts_with) {
      const std::string v = sql_text(*t.starts_with);
      if (mode_.parity) return x + " LIKE " + v + " || '%'";
      return "substr(" + low + ", 1, length(" + v + ")) = lower(" + v + ")";
    }
    if (t.ends_with) {
      const std::string v = sql_text(*t.ends_with);
      if (mode_.parity) return x + " LIKE '%' || " + v;
      if (t.ends_with->empty()) return x + " IS NOT NULL";
      return "length(" + x + ") >= length(" + v + ") AND substr(" + low + ", -length(" + v + ")) = lower(" +
             v + ")";
    }
    if (t.contains) {
      const std::string v = sql_text(*t.contains);
      if (mode_.parity) return x + " LIKE '%' || " + v + " || '%'";
      return "instr(" + low + ", lower(" + v + ")) > 0";
    }
    if (t.in && takes_lists) return any_of(x, texts(*t.in));
    return "";
  }

  void job_name(const TextInput& t) {
    const std::string condition = rule("job.job_name", t, !mode_.parity);
    if (mode_.parity) need("job.meta_is_json");
    need(condition);
  }

  void node(const TextInput& t) {
    const bool none_of_them = !mode_.parity && !t.eq && t.neq;
    TextInput wanted = t;
    if (none_of_them) wanted.eq = t.neq;
    const std::string condition = rule("host.hostname", wanted, !mode_.parity);
    if (mode_.parity || !condition.empty()) need("job.resources_are_json");
    if (condition.empty()) return;
    need(std::string(none_of_them ? "NOT " : "") +
         "EXISTS (SELECT 1 FROM flat_host AS host WHERE host.id = job.id AND (" + condition + "))");
  }

  void tags(const std::vector<std::string>& list) {
    std::string ids;
    for (const std::string& id : list) ids += (ids.empty() ? "" : ", ") + id;
    need("EXISTS (SELECT 1 FROM jobtag AS t WHERE t.job_id = job.id AND t.tag_id IN (" + ids + "))");
    if (!mode_.parity) return;
    const std::string name = "tag_" + std::to_string(++joined_);
    meaning.from += " JOIN jobtag AS " + name + " ON " + name + ".job_id = job.id AND " + name +
                    ".tag_id IN (" + ids + ")";
  }

  /// 0 leaves a side open. What is negative is nonsense: refused, or, upstream, as if nothing was said.
  std::string range(const std::string& x, const Bounds& b) const {
    const auto value = [](const std::optional<std::string>& digits) {
      return digits ? std::stod(*digits) : 0.0;
    };
    if (value(b.from) < 0 || value(b.to) < 0) {
      if (!mode_.parity) throw Refused();
      return "";
    }
    std::string condition;
    if (value(b.from) > 0) condition = x + " >= " + number_sql(*b.from);
    if (value(b.to) > 0) condition += (condition.empty() ? "" : " AND ") + x + " <= " + number_sql(*b.to);
    return condition;
  }

  void start_time(const TimeInput& t) {
    if (t.from) need("job.start_time >= " + std::to_string(*t.from));
    if (t.to) need("job.start_time <= " + std::to_string(*t.to));
    if (t.from || t.to || !t.range || t.range->empty()) return;
    constexpr std::int64_t kHour = 3600;
    const std::array<std::pair<const char*, std::int64_t>, 4> known{{{"last6h", 6 * kHour},
                                                                     {"last24h", 24 * kHour},
                                                                     {"last7d", 7 * 24 * kHour},
                                                                     {"last30d", 30 * 24 * kHour}}};
    for (const auto& [name, seconds] : known) {
      if (*t.range == name) return need("job.start_time >= " + std::to_string(mode_.now - seconds));
    }
    if (!mode_.parity) throw Refused();
  }

  void schedule(const std::string& word) {
    if (word == "interactive") return need("job.job_name = 'interactive'");
    if (word == "batch") return need("job.job_name != 'interactive'");
    if (!mode_.parity && !word.empty()) throw Refused();
  }

  void metrics(const std::vector<MetricInput>& list) {
    for (const MetricInput& m : list) {
      if (m.name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
              std::string::npos ||
          m.name.empty()) {
        if (!mode_.parity) throw Refused();
        need("0");
        if (m.range) range("0", *m.range);
        continue;
      }
      meaning.has_metrics = true;
      need("job.footprint_is_json");
      if (m.range) need(range("job.\"" + m.name + '"', *m.range));
    }
  }

  const Mode mode_;
  int joined_ = 0;
};

}  // namespace

std::string sql_text(const std::string& text) {
  std::string sql = "'";
  for (const char c : text) sql += c == '\'' ? "''" : std::string(1, c);
  return sql + "'";
}

std::string number_sql(const std::string& digits) {
  if (digits.find_first_of(".eE") == std::string::npos) return digits;
  return "json_extract('[" + digits + "]', '$[0]')";
}

std::optional<Meaning> meaning_of(const JobFilters& filters, const Mode& mode) {
  Reading reading(mode);
  reading.meaning = {"1", "flat AS job", false};
  try {
    for (const JobFilter& f : filters) reading.filter(f);
  } catch (const Refused&) {
    return std::nullopt;
  }
  return reading.meaning;
}

}  // namespace warden::test
