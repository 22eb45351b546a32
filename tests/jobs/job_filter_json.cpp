// Job filters as JSON text.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "job_filter.hpp"

namespace warden::test {
namespace {

/// The members of an object, to be put in any order.
class Members {
 public:
  explicit Members(Random& style) : style_(style) {}

  void add(const std::string& name, const std::string& value) { all_.push_back('"' + name + "\":" + value); }
  template <class T, class F>
  void add(const std::string& name, const std::optional<T>& value, F&& text_of) {
    if (value) {
      add(name, text_of(*value));
    } else if (style_.one_in(40)) {
      add(name, "null");
    }
  }
  std::string object() {
    for (std::size_t i = all_.size(); i > 1; --i) std::swap(all_[i - 1], all_[style_.below(i)]);
    std::string text = "{";
    for (const std::string& member : all_) text += (text.size() > 1 ? "," : "") + member;
    return text + (style_.one_in(10) ? " }" : "}");
  }

 private:
  Random& style_;
  std::vector<std::string> all_;
};

class Writer {
 public:
  explicit Writer(Random& style) : style_(style) {}

  std::string filter(const JobFilter& f) {
    Members all(style_);
    const auto text = [&](const std::string& s) { return string(s); };
    const auto input = [&](const TextInput& t) { return rules(t); };
    const auto number = [](std::int64_t n) { return std::to_string(n); };
    const auto range = [&](const Bounds& b) { return bounds(b); };
    const auto ids = [&](const std::vector<std::int64_t>& list) {
      return array(list, [&](std::int64_t id) {
        return style_.one_in(2) ? std::to_string(id) : '"' + std::to_string(id) + '"';
      });
    };
    const auto texts = [&](const std::vector<std::string>& list) { return array(list, text); };
    all.add("dbId", f.db_id, ids);
    all.add("tags", f.tags, ids);
    all.add("jobId", f.job_id, input);
    all.add("user", f.user, input);
    all.add("project", f.project, input);
    all.add("jobName", f.job_name, input);
    all.add("cluster", f.cluster, input);
    all.add("subCluster", f.sub_cluster, input);
    all.add("partition", f.partition, input);
    all.add("node", f.node, input);
    all.add("arrayJobId", f.array_job_id, number);
    all.add("minRunningFor", f.min_running_for, number);
    all.add("duration", f.duration, range);
    all.add("energy", f.energy, range);
    all.add("numNodes", f.num_nodes, range);
    all.add("numAccelerators", f.num_accelerators, range);
    all.add("numHWThreads", f.num_hw_threads, range);
    all.add("startTime", f.start_time, [&](const TimeInput& t) { return times(t); });
    all.add("state", f.state, texts);
    all.add("shared", f.shared, text);
    all.add("schedule", f.schedule, text);
    all.add("metricStats", f.metric_stats, [&](const std::vector<MetricInput>& list) {
      return array(list, [&](const MetricInput& m) {
        Members item(style_);
        item.add("metricName", string(m.name));
        item.add("range", m.range, range);
        return item.object();
      });
    });
    return all.object();
  }

  template <class List, class F>
  std::string array(const List& list, F&& text_of) {
    std::string text = "[";
    for (const auto& item : list) text += (text.size() > 1 ? "," : "") + text_of(item);
    return text + "]";
  }

 private:
  std::string string(const std::string& s) {
    std::string text = "\"";
    for (const char c : s) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        text += '\\';
        text += c;
      } else if (byte < 0x20 || (byte < 0x7f && style_.one_in(60))) {
        char escaped[8];
        std::snprintf(escaped, sizeof(escaped), "\\u%04x", unsigned{byte});
        text += escaped;
      } else {
        text += c;
      }
    }
    return text + '"';
  }
  std::string rules(const TextInput& t) {
    Members all(style_);
    const auto text = [&](const std::string& s) { return string(s); };
    all.add("eq", t.eq, text);
    all.add("neq", t.neq, text);
    all.add("startsWith", t.starts_with, text);
    all.add("endsWith", t.ends_with, text);
    all.add("contains", t.contains, text);
    all.add("in", t.in, [&](const std::vector<std::string>& list) { return array(list, text); });
    return all.object();
  }
  std::string bounds(const Bounds& b) {
    Members all(style_);
    const auto as_it_is = [](const std::string& digits) { return digits; };
    all.add("from", b.from, as_it_is);
    all.add("to", b.to, as_it_is);
    return all.object();
  }
  std::string times(const TimeInput& t) {
    Members all(style_);
    const auto stamp = [&](std::int64_t seconds) { return timestamp(seconds); };
    all.add("from", t.from, stamp);
    all.add("to", t.to, stamp);
    all.add("range", t.range, [&](const std::string& s) { return string(s); });
    return all.object();
  }
  std::string timestamp(std::int64_t seconds) {
    const int quarters = style_.one_in(2) ? 0 : static_cast<int>(style_.below(105)) - 48;  // -12:00 to +14:00
    const auto local = static_cast<std::time_t>(seconds + quarters * 900);
    std::tm parts{};
    ::gmtime_r(&local, &parts);
    char text[32];
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    std::string all = '"' + std::string(text);
    if (style_.one_in(6)) all += ".75";
    if (quarters == 0) return all + "Z\"";
    const int minutes = (quarters < 0 ? -quarters : quarters) * 15;
    char zone[16];
    std::snprintf(zone, sizeof(zone), "%c%02d:%02d\"", quarters < 0 ? '-' : '+', minutes / 60, minutes % 60);
    return all + zone;
  }
  Random& style_;
};

}  // namespace

std::string json_of(const JobFilters& filters, Random& style) {
  Writer writer(style);
  if (filters.size() == 1 && style.one_in(2)) return writer.filter(filters.front());
  std::string text = writer.array(filters, [&](const JobFilter& f) { return writer.filter(f); });
  if (filters.empty() && style.one_in(2)) return "null";
  return text;
}

}  // namespace warden::test
