// The texts of a column by their codes. Codes are counted from 1, in the order in which texts are met; 0 is NULL. They never
// change, so that segments stay what they are.
#pragma once

#include "store.hpp"
#include "tables_by_key.hpp"

namespace warden::columns {

/// For who writes: finds the code of a text, or gives one. One thread.
class Dictionary {
 public:
  /// Reads what is there already.
  Dictionary(Store& store, std::int64_t column) : store_(store), column_(column), texts_(store.self().api()) {
    Statement known(store.self(), store.empty() << "SELECT code, value FROM " << store.table("value")
                                                << " WHERE \"column\" = ?1 ORDER BY code");
    known.bind(1, column);
    while (known.step()) {
      if (texts_.at(known.text(1)).number + 1 != known.integer(0))
        throw vtab::error("job_columns: \"" + std::string(store.name()) + "\" has a damaged dictionary",
                          SQLITE_CORRUPT_VTAB);
    }
    stored_ = texts_.size();
  }

  std::uint32_t code_of(std::string_view text) { return texts_.at(text).number + 1; }
  std::string_view text(std::uint32_t code) const noexcept { return texts_.entries()[code - 1]->key; }
  std::size_t size() const noexcept { return texts_.size(); }
  /// Stores what has come new.
  void store_new() {
    if (stored_ == texts_.size()) return;
    Statement add(store_.self(), store_.empty()
                                     << "INSERT INTO " << store_.table("value") << " VALUES (?1, ?2, ?3)");
    for (; stored_ < texts_.size(); ++stored_) {
      add.bind(1, column_);
      add.bind(2, static_cast<std::int64_t>(stored_) + 1);
      add.bind(3, texts_.entries()[stored_]->key);
      add.run();
    }
  }

 private:
  Store& store_;
  std::int64_t column_;
  jobs::ByText<char> texts_;
  std::size_t stored_ = 0;
};

}  // namespace warden::columns
