// Jobs of the source made into segments.
#pragma once

#include "progress.hpp"
#include "segment_writer.hpp"

namespace warden::columns {

/// Rowids from first to last, both included.
struct Range {
  std::int64_t first = INT64_MIN;
  std::int64_t last = INT64_MAX;
};

/// One thread; within the transaction of a statement that writes.
class Sealer {
 public:
  explicit Sealer(Store& store);

  /// Forgets all segments and texts, and makes all anew, triggers too.
  void rebuild();
  /// Takes in what the delta lists, at most so many segments of it; what is done is told by the return value: true where the
  /// delta is empty then. Throws where the delta can't be trusted.
  bool refresh(std::size_t most_segments);
  /// As refresh(), and puts small segments that follow each other together.
  void optimize();

 private:
  bool take_in(std::size_t most_segments);
  /// Makes the segments of a range anew out of the source, which must be the whole domain of those that it meets.
  void seal(Range range);
  /// Has every connection look at the columns anew, where metrics have been met that were not there before.
  void declare_new(std::int64_t metrics_before);
  std::int64_t metrics();
  void store_segment(SegmentWriter& writer);
  /// The segments whose domain a job falls into: from its first job up to the next segment's.
  Range domain_of(std::int64_t id);
  std::optional<std::int64_t> smallest_changed(std::int64_t from);

  Store& store_;
  Options options_;
  Progress progress_;
  std::int64_t next_segment_ = 1;
};

/// The jobs that a table names, by the least and the greatest of two of its columns; an empty one names none.
void begin_progress(Progress& progress, Store& store, std::string_view table, std::string_view first,
                    std::string_view last);

}  // namespace warden::columns
