#include "spread.hpp"

namespace warden::bench {

void say_spread(const std::vector<double>& milliseconds) {
  say("times", static_cast<double>(milliseconds.size()));
  say("median", median(milliseconds));
  say("p99", percentile(milliseconds, 99));
  say("largest", largest(milliseconds));
}

void report_spread(Report& report, const std::string& name, const Numbers& said, Bar p99) {
  report.number(name + ".median", said["median"], Unit::milliseconds);
  report.number(name + ".p99", said["p99"], Unit::milliseconds, p99,
                "of " + std::to_string(static_cast<int>(said["times"])));
  report.number(name + ".largest", said["largest"], Unit::milliseconds);
}

}  // namespace warden::bench
