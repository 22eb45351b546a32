// What a Pass counts, counted over segments: the same sums and bins, a block of 1024 jobs at a time.
#pragma once

#include "group_sums.hpp"
#include "metric_counts.hpp"
#include "pass.hpp"
#include "predicates.hpp"

namespace warden::columns {

constexpr Field field_of_number(jobs::Pass::Number which) noexcept {
  return static_cast<Field>(static_cast<int>(Field::num_nodes) + static_cast<int>(which));
}

/// One run over all segments, for one pass. One thread; not moved.
class ColumnPass {
 public:
  /// Why the pass can't be made over columns; empty where it can.
  static std::string refusal(Store& store, const jobs::Pass& pass, const Options& options,
                             std::span<const std::string_view> metrics);

  ColumnPass(Store& store, jobs::Pass& pass, const jobs::Filter& filter, const Options& options,
             std::span<const std::string_view> metrics);
  ColumnPass(const ColumnPass&) = delete;
  ColumnPass& operator=(const ColumnPass&) = delete;

  /// Counts all jobs of segments but those in `changed`, which rises. Throws vtab::error, std::bad_alloc.
  void run(std::span<const std::int64_t> changed);

 private:
  void open(Segments& segments);
  void find_changed(Segments& segments, std::span<const std::int64_t> changed);
  /// The rows of block `i` that are meant, and how many.
  std::size_t choose(std::size_t i, std::size_t rows, Mask& mask);
  void add_block(std::size_t i, const Mask& mask, std::size_t met, std::size_t rows);
  void read_durations(std::size_t i);
  /// What a stored duration must be below: none is negative.
  std::int32_t short_limit() const noexcept;
  void add_sums(std::size_t i, const Mask& mask, std::size_t met);
  void add_users(std::size_t i, const Mask& mask, std::size_t rows);
  void add_groups(std::size_t i, const Mask& mask, std::size_t rows);
  /// How long a job of block `i` has been running.
  std::int64_t seconds_of_running(std::size_t i, std::size_t row) const;
  void add_running(Sums& sums, std::size_t i, std::size_t row);
  /// Jobs that have all ended.
  void add_ended(std::size_t i, const Numbers& codes, const Mask& mask);
  /// Of a job; of one that runs without how long it has been running, and without whether it is short.
  Sums stored(std::size_t row) const;
  void add(Sums& sums, const Sums& more) const;
  /// Adds what group_sums_ has to groups_.
  void flush_groups();
  void add_durations(std::size_t i, const Mask& mask, std::size_t met);
  void add_numbers(jobs::Pass::Number which, std::size_t i, const Mask& mask);
  void flush_histograms();
  void hand_over();
  void add_to_totals(jobs::Totals& totals, const Sums& sums) const;

  bool needs(Field field) const noexcept { return needed_[static_cast<std::size_t>(field)]; }
  const IntegerColumn& column(Field field) const { return *fields_[static_cast<std::size_t>(field)]; }
  void check(std::int64_t& sum, std::int64_t amount, std::string_view what) const {
    pass_.add_to(sum, amount, what);
  }
  template <class F>
  void each_text(Field field, F&& f);

  Store& store_;
  jobs::Pass& pass_;
  const vtab::Api* api_;
  Predicates predicates_;
  ExactValues exact_;
  std::optional<Field> group_;
  std::array<bool, kFields> needed_{};
  std::array<std::optional<IntegerColumn>, kFields> fields_;
  vtab::vector<MetricCounts> metrics_;
  vtab::vector<std::uint16_t> changed_;  // rows of the segment that are not meant, rising
  std::size_t next_changed_ = 0;

  // Of the block at hand: effective durations, and what is stored. Of a job that runs seconds_ is 0; runs_ marks it.
  Numbers seconds_{}, stored_{}, nodes_{}, cores_{}, accs_{};
  Mask runs_;
  bool any_runs_ = false;

  vtab::vector<std::int64_t> duration_counts_;  // by bin; the last one is all above; each in turns
  std::array<vtab::vector<std::int64_t>, 3> number_counts_;  // by number
  Sums all_;
  vtab::vector<Sums> groups_;          // by code
  GroupSums group_sums_;               // for groups_
  vtab::vector<std::uint8_t> users_;   // by code: seen
  std::int64_t first_unseen_ = 1;      // a code; all from 1 to it have been seen
  vtab::vector<std::uint64_t> pairs_;  // a bit for each group and user
  std::size_t group_codes_ = 0;
  std::size_t user_codes_ = 0;
};

}  // namespace warden::columns
