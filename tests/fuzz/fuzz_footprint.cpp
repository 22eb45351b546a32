// Footprints: what the scanner understands is what SQLite's own JSON functions say, to the last bit where it claims so; and
// what conditions and histograms make of six of them is what SQL makes of them.
//
// The input is records that begin after the byte 0x1e (RFC 7464). The first is "bins bound"; each of the others is scanned, and
// the first six become the footprints of the six jobs, every second one as a BLOB.
#include <cmath>
#include <map>
#include <optional>

#include "ext/job_stats/footprint.hpp"
#include "linked_host.hpp"

namespace {

using namespace warden;
using fuzz::require;
using Kind = jobs::FootprintValue::Kind;

constexpr char kSeparator = '\x1e';
constexpr std::size_t kJobs = 6;
const std::vector<std::string_view> kKeys{"a", "ab", "mem_bw_avg",
                                          "this_is_a_key_of_more_than_thirty_two_bytes_avg"};

const fuzz::LinkedHost& host() {
  static const fuzz::LinkedHost made(false);
  return made;
}

/// What SQLite says of one text.
class Oracle {
 public:
  Oracle() {
    std::string sql = "SELECT json_valid(?1)";
    for (const std::string_view key : kKeys)
      sql += ", CASE WHEN json_valid(?1) THEN json_extract(?1, '$." + std::string(key) + "') END";
    sqlite3_prepare_v2(host().get(), sql.c_str(), -1, &statement_, nullptr);
  }
  /// Checks what the scanner claims to have understood.
  void judge(std::string_view json, std::span<const jobs::FootprintValue> values) {
    sqlite3_bind_text64(statement_, 1, json.data(), json.size(), SQLITE_STATIC, SQLITE_UTF8);
    require(sqlite3_step(statement_) == SQLITE_ROW, "SQLite reads every text", json);
    require(sqlite3_column_int(statement_, 0) == 1, "what is understood is JSON", json);
    for (std::size_t i = 0; i < kKeys.size(); ++i) judge(json, static_cast<int>(i) + 1, values[i]);
    sqlite3_reset(statement_);
  }

 private:
  void judge(std::string_view json, int column, const jobs::FootprintValue& value) {
    const int type = sqlite3_column_type(statement_, column);
    const Kind kind = type == SQLITE_NULL                              ? Kind::absent
                      : type == SQLITE_INTEGER || type == SQLITE_FLOAT ? Kind::number
                                                                       : Kind::text;
    require(kind == value.kind, "its value is of the kind that SQLite finds", json);
    if (kind != Kind::number) return;
    const double wanted = sqlite3_column_double(statement_, column);
    const double found =
        fuzz::planted() && wanted > 126 && wanted < 1e6 ? std::nextafter(value.number, 0) : value.number;
    const bool same = wanted == found;
    require(same || (!value.exact && wanted == std::nextafter(found, wanted)),
            "a number is the one that SQLite reads, to the last bit", json, std::to_string(wanted));
  }
  sqlite3_stmt* statement_ = nullptr;
};

const std::string kValue = "(CASE WHEN json_valid(footprint) THEN json_extract(footprint, '$.a') END)";

/// Conditions from, to, or both at a bound count the jobs that SQL counts.
void judge_conditions(const std::string& bound) {
  for (const auto& [range, condition] :
       std::map<std::string, std::string>{{"{\"from\":" + bound + "}", kValue + " >= " + bound},
                                          {"{\"to\":" + bound + "}", kValue + " <= " + bound},
                                          {"{\"from\":" + bound + ",\"to\":" + bound + "}",
                                           kValue + " BETWEEN " + bound + " AND " + bound}}) {
    const std::string filter = "{\"metricStats\":[{\"metricName\":\"a\",\"range\":" + range + "}]}";
    const fuzz::Answer found = host().ask("SELECT job_count(?1)", filter);
    const fuzz::Answer wanted = host().ask("SELECT count(*) FROM job WHERE " + condition);
    require(found.all() == wanted.all(), "a condition is met by the jobs that SQL counts", filter,
            found.all() + " and not " + wanted.all());
  }
}

/// Bins by hand: bin 0 is what lies below all of them, one more than `bins` what lies above.
std::map<std::int64_t, std::int64_t> bins_of(const std::vector<double>& values, std::optional<double> given,
                                             std::int64_t bins) {
  double peak = given.value_or(0);
  if (!given) {
    for (const double v : values) {
      int exponent = 0;
      if (v > 0 && v <= 1e300) std::frexp(v, &exponent), peak = std::max(peak, std::ldexp(1.0, exponent));
    }
  }
  std::map<std::int64_t, std::int64_t> counts;
  for (const double v : values) {
    std::int64_t bin = bins + 1;
    if (!given && v < 0) {
      bin = 0;
    } else if (peak == 0 && v <= 1e300) {
      bin = 1;
    } else if (v <= peak) {
      // As upstream's SQL computes it, in this order.
      const double place = (v == peak ? peak * 0.999999999 : v) / peak * static_cast<double>(bins);
      bin = place <= -1 ? 0 : std::min(static_cast<std::int64_t>(place) + 1, bins);
    }
    ++counts[bin];
  }
  return counts;
}

void judge_histogram(std::int64_t bins, const std::string& peak) {
  std::vector<double> values;
  for (const std::string& row : host()
                                    .ask("SELECT printf('%!.20e', " + kValue + ") FROM job WHERE typeof(" +
                                         kValue + ") IN ('integer', 'real')")
                                    .rows)
    values.push_back(std::strtod(row.c_str(), nullptr));
  std::vector<std::string> wanted;
  const auto counts =
      bins_of(values, peak.empty() ? std::nullopt : std::optional(std::strtod(peak.c_str(), nullptr)), bins);
  for (const auto& [bin, count] : counts) wanted.push_back(std::to_string(bin) + "|" + std::to_string(count));
  const std::string metrics = peak.empty() ? "[\"a\"]" : "[{\"metric\":\"a\",\"peak\":" + peak + "}]";
  const std::string call = " FROM job_metric_histogram(NULL, ?1, " + std::to_string(bins) + ")";
  const fuzz::Answer found = host().ask("SELECT bin, jobs" + call + " WHERE jobs > 0 ORDER BY bin", metrics);
  require(found.rows == wanted, "a histogram counts each value in its bin", found.all(),
          fuzz::Answer{SQLITE_OK, "", wanted}.all() + " by " + metrics);
  const fuzz::Answer without = host().ask("SELECT DISTINCT without_value, bad_footprints" + call, metrics);
  const fuzz::Answer by_hand = host().ask("SELECT count(*) - " + std::to_string(values.size()) +
                                          ", count(CASE WHEN length(CAST(footprint AS BLOB)) > 0 AND NOT "
                                          "json_valid(footprint) THEN 1 END) FROM job");
  require(without.all() == by_hand.all(), "jobs without a value are counted", without.all(), by_hand.all());
}

/// Digits, perhaps with a point among them: what JSON and SQL both read, and not 0, which means "open" in a filter.
bool is_plain_number(std::string_view text) {
  return !text.empty() && text.size() < 30 && text.find_first_not_of("0123456789.") == text.npos &&
         std::count(text.begin(), text.end(), '.') < 2 && text.front() != '.' && text.back() != '.' &&
         (text.front() != '0' || text.starts_with("0.")) && text.find_first_of("123456789") != text.npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Oracle oracle;
  fuzz::Bytes input(data, size);
  const std::string_view first = input.until(kSeparator);
  std::string bound(first.substr(std::min(first.find(' '), first.size() - 1) + 1));
  const std::int64_t bins = std::clamp(std::atoi(std::string(first).c_str()), 1, 200);
  if (!is_plain_number(bound)) bound = "62.753";

  jobs::FootprintScanner scanner(kKeys, test::real_api());
  std::vector<jobs::FootprintValue> values(kKeys.size());
  std::vector<std::string_view> texts;
  while (!input.empty()) {
    texts.push_back(input.until(kSeparator));
    const std::vector<char> exact(texts.back().begin(), texts.back().end());  // no byte behind it may be read
    const std::string_view text(exact.data(), exact.size());
    if (scanner.scan(text, values)) oracle.judge(text, values);
  }
  if (texts.empty()) return 0;
  for (std::size_t i = 0; i < kJobs; ++i) {
    const std::string value = i % 2 == 0 ? "?1" : "CAST(?1 AS BLOB)";
    host().ask("UPDATE job SET footprint = " + value + " WHERE id = " + std::to_string(i + 1),
               i < texts.size() ? texts[i] : "");
  }
  judge_conditions(bound);
  // At a bound that is one of the values, every digit counts.
  const std::string number = host()
                                 .ask("SELECT max(printf('%!.17g', " + kValue + ")) FROM job WHERE " +
                                      kValue + " > 0 AND " + kValue + " < 1e15")
                                 .value();
  if (is_plain_number(number)) judge_conditions(number);
  judge_histogram(bins, "");
  judge_histogram(bins, bound);
  return 0;
}
