// Footprints of rows: by the scanner, and by SQLite's JSON functions where that has doubts.
#pragma once

#include <optional>
#include <span>

#include "filter.hpp"
#include "footprint.hpp"
#include "json_tree.hpp"
#include "statement.hpp"

namespace warden::jobs {

/// Reads the values of its keys from one footprint after the other. One thread.
class FootprintReader {
 public:
  /// Keys are letters, digits and underscores, and different from each other; their bytes must outlive the reader.
  FootprintReader(ext::SqliteConnection& self, vtab::vector<std::string_view> keys);
  FootprintReader(const FootprintReader&) = delete;
  FootprintReader& operator=(const FootprintReader&) = delete;

  enum class Read {
    json,
    none,     // NULL, or an empty text: the job has no footprint
    no_json,  // something else
  };
  /// TEXT and BLOB alike are JSON text. The bytes of `footprint` must stay until the next read.
  Read read(vtab::value footprint);
  const FootprintValue& at(std::size_t key) const noexcept { return values_[key]; }
  std::size_t position_of(std::string_view key) const noexcept;
  /// Where at() is not exact and the last bit decides: the value as SQLite converts it.
  const FootprintValue& exact(std::size_t key);
  /// Prepares the statements that it may come to need, else done when it does. For a reader that goes on while its connection
  /// is being closed (sqlite3_close_v2): nothing can be prepared there.
  void prepare();

 private:
  void prepare_values();
  void extract();

  ext::SqliteConnection& self_;
  vtab::vector<std::string_view> keys_;
  FootprintScanner scanner_;
  vtab::vector<FootprintValue> values_;
  std::string_view json_;  // what was read last
  JsonCheck is_json_;
  Statement values_of_;
};

/// The conditions of a filter on footprints. One thread.
class FootprintConditions {
 public:
  /// All keys of `ranges` must be among the reader's.
  FootprintConditions(std::span<const FootprintRange> ranges, FootprintReader& reader, const vtab::Api* api);
  /// True where what the reader read last meets all of them.
  bool met(FootprintReader::Read read);

 private:
  bool met(const FootprintRange& range, std::size_t key);
  std::span<const FootprintRange> ranges_;
  FootprintReader& reader_;
  vtab::vector<std::size_t> places_;  // of the keys of ranges_, in the reader
};

/// The keys of `ranges` and those in `more`, each once.
vtab::vector<std::string_view> keys_of(std::span<const FootprintRange> ranges,
                                       std::span<const std::string_view> more, const vtab::Api* api);

}  // namespace warden::jobs
