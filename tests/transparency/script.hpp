// A script is what a host does with SQLite: calls of its interface, one after the other, on a few connections to a few files.
// It is made of numbers and texts alone, so that two processes can play the same one, and a shorter one can be tried.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace warden::test {

/// How warden is at its most aggressive, and what a host without it must do to be comparable.
enum class Mode {
  trace,     // hooks = trace; the heap limit is the host's own affair, as are cache_size and temp_store
  progress,  // the same with hooks = trace+progress
  limit,     // both hosts have a soft heap limit of one byte: here warden's setting, there the host's call
  settings,  // cache_size and temp_store are enforced
};
inline constexpr Mode kModes[] = {Mode::trace, Mode::progress, Mode::limit, Mode::settings};
const char* name_of(Mode mode);

/// In these modes SQLite itself may write a transaction's pages earlier or later than in the host without warden, as it
/// does with another cache: a script must not look at what depends on that moment.
inline bool spills_at_other_times(Mode mode) { return mode == Mode::limit || mode == Mode::settings; }

enum class Do {
  open,             // text: file name or URI; number: flags
  close,            // number: 1 = sqlite3_close_v2
  exec,             // sqlite3_exec; number: rows after which the callback ends it, 0 = never
  run,              // prepare, bind, step to the end, finalize; number: 1 = the old sqlite3_prepare
  get_table,        // sqlite3_get_table
  prepare,          // into slot
  step,             // the statement in slot, number times at most
  reset,            // number: 1 = with sqlite3_clear_bindings
  bind,             // bound, to the statement in slot
  finalize,         // slot
  blob_open,        // text: table, more: column, number: rowid; into slot, for writing
  blob_use,         // number: offset; reads and writes some bytes there
  blob_reopen,      // number: rowid
  blob_close,       // slot
  backup_begin,     // from the connection to a file of its own; into slot
  backup_step,      // number: pages
  backup_end,       // slot
  hook,             // text: which; number: how it behaves
  function,         // text: which; defines it anew, or deletes it with number = 1
  limit,            // number: which; more: the limit
  configure,        // sqlite3_db_config; number: which; more: value
  extended_codes,   // sqlite3_extended_result_codes; number: on
  checkpoint,       // sqlite3_wal_checkpoint_v2; number: its mode
  flush,            // sqlite3_db_cacheflush
  release,          // sqlite3_db_release_memory: what the host may do itself
  column_metadata,  // text: table; more: column
  serialize,        // sqlite3_serialize; text: schema
  files,            // what lies in the directory, byte by byte
};

using Blob = std::vector<unsigned char>;
using Bound = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;

struct Step {
  Do what = Do::exec;
  int connection = 0;
  int slot = 0;
  std::string text;
  std::string more;
  std::int64_t number = 0;
  std::vector<Bound> bound;
  std::string kind;  // what the generator meant by it, for the figures
};

struct Script {
  std::uint64_t seed = 0;
  Mode mode = Mode::trace;
  std::vector<Step> steps;
  /// SQLite leaves in the unused bytes of pages what its cache held (secure_delete is off somewhere, or pages are written
  /// early): files are compared after VACUUM INTO.
  bool files_by_content = false;
  /// In WAL mode nobody needs the header's change counter, and SQLite counts on from where it last read page 1 ("might not be
  /// incremented on each transaction"): it hangs on the cache, and so do the checksums of frames with page 1.
  bool uses_wal = false;
};

inline constexpr int kConnections = 3;
inline constexpr int kSlots = 6;

/// Puts zeros for the change counter, and the number that says for which counter the header's size is valid.
void hide_change_counter(std::string& database);

/// One line, as a person would call it.
std::string text_of(const Step& step);

}  // namespace warden::test
