// Random job filters: values that occur, values beside them, and values that mean something to LIKE, to SQL and to JSON.
#include <algorithm>
#include <array>
#include <cctype>
#include <functional>

#include "job_filter.hpp"

namespace warden::test {
namespace {

class Maker {
 public:
  Maker(const FilterValues& values, Random& random) : values_(values), random_(random) {}

  JobFilter filter() {
    JobFilter f;
    for (std::size_t fields = 1 + random_.below(2) + (random_.one_in(4) ? random_.below(4) : 0); fields > 0;
         --fields)
      add_field(f);
    if (random_.one_in(30)) f = {};
    return f;
  }

 private:
  void add_field(JobFilter& f) {
    switch (random_.below(23)) {
      case 0:
        f.db_id = list(values_.ids, 5);
        break;
      case 1:
        f.tags = list(std::vector<std::int64_t>{1, 2, 3, 4, 90}, 3);
        break;
      case 2:
        f.job_id = text(values_.job_ids);
        break;
      case 3:
        f.user = text(values_.users);
        break;
      case 4:
        f.project = text(values_.projects);
        break;
      case 5:
        f.job_name = text(values_.job_names);
        break;
      case 6:
        f.cluster = text(values_.clusters);
        break;
      case 7:
        f.sub_cluster = text(values_.sub_clusters);
        break;
      case 8:
        f.partition = text(values_.partitions);
        break;
      case 9:
        f.node = text(values_.nodes);
        break;
      case 10:
        f.array_job_id = random_.one_in(3) ? 0 : random_.pick(values_.array_ids);
        break;
      case 11:
        f.min_running_for = values_.now - near(random_.pick(values_.start_times));
        break;
      case 12:
        f.duration = range(values_.durations);
        break;
      case 13:
        f.energy = range(values_.energies);
        break;
      case 14:
        f.num_nodes = range(values_.num_nodes);
        break;
      case 15:
        f.num_accelerators = range(values_.num_accelerators);
        break;
      case 16:
        f.num_hw_threads = range(values_.num_hw_threads);
        break;
      case 17:
        f.start_time = time();
        break;
      case 18:
        f.state = list(std::vector<std::string>{"running", "running", "completed", "failed", "timeout",
                                                "cancelled", "no state", "Running"},
                       3);
        break;
      case 19:
        f.shared = random_.pick(std::array<std::string, 5>{"none", "single_user", "multi_user", "None", ""});
        break;
      case 20:
        f.schedule = random_.one_in(40)  ? "sometimes"
                     : random_.one_in(8) ? ""
                     : random_.one_in(2) ? "interactive"
                                         : "batch";
        break;
      default:
        f.metric_stats = metrics();
    }
  }

  std::int64_t near(std::int64_t n) { return n + static_cast<std::int64_t>(random_.below(3)) - 1; }

  template <class T>
  std::vector<T> list(const std::vector<T>& from, std::size_t most) {
    std::vector<T> chosen;
    for (std::size_t n = random_.one_in(12) ? 0 : 1 + random_.below(most); n > 0; --n)
      chosen.push_back(random_.pick(from));
    return chosen;
  }

  /// A value that occurs; a part of it; one that is not quite it.
  std::string word(const std::vector<std::string>& from) {
    std::string s = random_.one_in(15) || from.empty() ? "no such" : random_.pick(from);
    if (random_.one_in(3) && s.size() > 2) {
      const std::size_t begin = random_.below(s.size() - 1);
      s = s.substr(begin, 1 + random_.below(s.size() - begin));
      // Not in the middle of a character.
      while (!s.empty() && (static_cast<unsigned char>(s.front()) & 0xc0) == 0x80) s.erase(0, 1);
      while (!s.empty() && static_cast<unsigned char>(s.back()) >= 0x80) s.pop_back();
    }
    if (random_.one_in(6)) {
      for (char& c : s) {
        if (c >= 'a' && c <= 'z') {
          c = static_cast<char>(c - 32);
        } else if (c >= 'A' && c <= 'Z') {
          c = static_cast<char>(c + 32);
        }
      }
    }
    if (random_.one_in(8) && !s.empty()) {
      char& c = s[random_.below(s.size())];
      if (static_cast<unsigned char>(c) < 0x80) c = random_.pick(std::array{'%', '_', '\'', '"', '\\'});
    }
    return random_.one_in(60) ? "" : s;
  }

  TextInput text(const std::vector<std::string>& from) {
    TextInput t;
    for (std::size_t rules = random_.one_in(12) ? 2 : 1; rules > 0; --rules) {
      switch (random_.below(7)) {
        case 0:
        case 1:
          t.eq = from.empty() || random_.one_in(6) ? word(from) : random_.pick(from);
          break;
        case 2:
          t.neq = from.empty() || random_.one_in(6) ? word(from) : random_.pick(from);
          break;
        case 3:
          t.starts_with = word(from);
          break;
        case 4:
          t.ends_with = word(from);
          break;
        case 5:
          t.contains = word(from);
          break;
        default:
          t.in = std::vector<std::string>();
          for (std::size_t n = random_.one_in(10) ? 0 : 1 + random_.below(3); n > 0; --n)
            t.in->push_back(word(from));
      }
    }
    if (random_.one_in(50)) t = {};
    return t;
  }

  Bounds range(const std::vector<std::string>& from) {
    Bounds b;
    const auto bound = [&]() -> std::string {
      if (random_.one_in(8)) return "0";
      const std::string& chosen = random_.pick(from);
      const std::string digits = chosen.starts_with('-') ? chosen.substr(1) : chosen;
      return (random_.one_in(120) ? "-" : "") + digits;
    };
    if (!random_.one_in(3)) b.from = bound();
    if (!random_.one_in(3)) b.to = bound();
    if (b.from && b.to && random_.one_in(2) && std::stod(*b.from) > std::stod(*b.to) && std::stod(*b.to) > 0)
      std::swap(b.from, b.to);
    return b;
  }

  TimeInput time() {
    TimeInput t;
    if (random_.one_in(2)) t.from = near(random_.pick(values_.start_times));
    if (random_.one_in(2)) t.to = near(random_.pick(values_.start_times));
    if (t.from && t.to && *t.from > *t.to && !random_.one_in(5)) std::swap(t.from, t.to);
    if (random_.one_in(3))
      t.range = random_.pick(std::array<std::string, 5>{"last6h", "last24h", "last7d", "last30d", ""});
    if (random_.one_in(100)) t.range = "last year";
    return t;
  }

  std::vector<MetricInput> metrics() {
    std::vector<MetricInput> all;
    for (std::size_t n = random_.one_in(20) ? 0 : 1 + random_.below(3); n > 0; --n) {
      const std::size_t which = random_.below(values_.metrics.size());
      MetricInput m{values_.metrics[which], std::nullopt};
      const auto& seen = values_.metric_values[which];
      if (!random_.one_in(15)) m.range = range(seen.empty() ? values_.durations : seen);
      if (random_.one_in(60)) m.name = random_.pick(std::array<std::string, 3>{"mem bw", "a'b", ""});
      all.push_back(m);
    }
    return all;
  }

  const FilterValues& values_;
  Random& random_;
};

}  // namespace

JobFilters random_filters(const FilterValues& values, Random& random) {
  Maker maker(values, random);
  JobFilters filters;
  for (std::size_t n = random.one_in(40) ? 0 : random.one_in(5) ? 2 + random.below(2) : 1; n > 0; --n)
    filters.push_back(maker.filter());
  return filters;
}

}  // namespace warden::test
