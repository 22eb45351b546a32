// The player's part that is no statement: blobs, backups, and what is said of a whole connection.
#include <utility>

#include "player.hpp"

namespace warden::test {

bool Player::play_object(const Step& step, sqlite3* db) {
  switch (step.what) {
    case Do::blob_open:
      if (sqlite3_blob* last = std::exchange(blob(step), nullptr); last != nullptr)
        code("blob_close", db, sqlite3_blob_close(last));
      code("blob_open", db,
           sqlite3_blob_open(db, "main", step.text.c_str(), step.more.c_str(), step.number, 1, &blob(step)));
      return true;
    case Do::blob_use: {
      if (blob(step) == nullptr) return true;
      unsigned char bytes[8] = {};
      code("blob_read", db, sqlite3_blob_read(blob(step), bytes, 4, static_cast<int>(step.number)));
      Digest digest;
      digest.add(bytes, sizeof(bytes));
      transcript_.line("  blob of " + std::to_string(sqlite3_blob_bytes(blob(step))) +
                       " bytes: " + digest.text());
      code("blob_write", db, sqlite3_blob_write(blob(step), "warm", 4, static_cast<int>(step.number)));
      return true;
    }
    case Do::blob_reopen:
      if (blob(step) != nullptr) code("blob_reopen", db, sqlite3_blob_reopen(blob(step), step.number));
      return true;
    case Do::blob_close:
      if (sqlite3_blob* last = std::exchange(blob(step), nullptr); last != nullptr)
        code("blob_close", db, sqlite3_blob_close(last));
      return true;
    case Do::backup_begin: {
      if (backup(step) != nullptr) return true;
      sqlite3*& file = backup_files_[static_cast<std::size_t>(step.slot)];
      const std::string name = directory_ + "/backup" + std::to_string(step.slot) + ".db";
      if (file == nullptr) code("open", nullptr, sqlite3_open(name.c_str(), &file));
      backup(step) = sqlite3_backup_init(file, "main", db, step.text.empty() ? "main" : step.text.c_str());
      if (backup(step) == nullptr) code("backup_init", file, sqlite3_errcode(file));
      return true;
    }
    case Do::backup_step:
      if (backup(step) == nullptr) return true;
      code("backup_step", nullptr, sqlite3_backup_step(backup(step), static_cast<int>(step.number)));
      transcript_.line("  remain " + std::to_string(sqlite3_backup_remaining(backup(step))) + " of " +
                       std::to_string(sqlite3_backup_pagecount(backup(step))));
      return true;
    case Do::backup_end:
      if (backup(step) != nullptr)
        code("backup_finish", nullptr, sqlite3_backup_finish(std::exchange(backup(step), nullptr)));
      return true;
    default:
      return false;
  }
}

bool Player::play_connection(const Step& step, Open& open) {
  sqlite3* const db = open.db;
  switch (step.what) {
    case Do::close: {
      const int rc = step.number == 1 ? sqlite3_close_v2(db) : sqlite3_close(db);
      code("close", rc == SQLITE_OK ? nullptr : db, rc);
      if (rc == SQLITE_OK) open.db = nullptr;
      return true;
    }
    case Do::hook:
      // SQLite tells the end of a statement to whoever asks for it then, if anybody did when it began: here warden has.
      for (sqlite3_stmt* each : statements_) {
        if (step.text == "trace" && each != nullptr && sqlite3_db_handle(each) == db) sqlite3_reset(each);
      }
      code("hook", db, open.callbacks.set_hook(step));
      return true;
    case Do::function:
      code("function", db, open.callbacks.define(step));
      return true;
    case Do::limit:
      transcript_.line("  limit was " + std::to_string(sqlite3_limit(db, static_cast<int>(step.number),
                                                                     std::stoi(step.more))));
      return true;
    case Do::configure: {
      int now = 0;
      code("configure", db, sqlite3_db_config(db, static_cast<int>(step.number), std::stoi(step.more), &now));
      transcript_.line("  now " + std::to_string(now));
      return true;
    }
    case Do::extended_codes:
      code("extended codes", db, sqlite3_extended_result_codes(db, static_cast<int>(step.number)));
      return true;
    case Do::checkpoint: {
      int frames = 0;
      int done = 0;
      code("checkpoint", db,
           sqlite3_wal_checkpoint_v2(db, nullptr, static_cast<int>(step.number), &frames, &done));
      if (!spills_at_other_times(mode_))
        transcript_.line("  frames " + std::to_string(frames) + " " + std::to_string(done));
      return true;
    }
    case Do::flush:
      code("flush", db, sqlite3_db_cacheflush(db));
      return true;
    case Do::release:
      code("release", db, sqlite3_db_release_memory(db));
      return true;
    case Do::column_metadata: {
      const char* type = nullptr;
      const char* collation = nullptr;
      int not_null = 0;
      int primary = 0;
      int increments = 0;
      code("metadata", db,
           sqlite3_table_column_metadata(db, nullptr, step.text.c_str(), step.more.c_str(), &type, &collation,
                                         &not_null, &primary, &increments));
      if (last_ == SQLITE_OK)
        transcript_.line("  column " + std::string(type == nullptr ? "-" : type) + " " +
                         (collation == nullptr ? "-" : collation) + " " + std::to_string(not_null) +
                         std::to_string(primary) + std::to_string(increments));
      return true;
    }
    case Do::serialize: {
      // It goes by the page size that it knows: on a connection that has read nothing yet it would copy beyond its pages.
      const int readable = sqlite3_exec(db, ("SELECT count(*) FROM " + step.text + ".sqlite_schema").c_str(),
                                        nullptr, nullptr, nullptr);
      code("read", db, readable);
      if (readable != SQLITE_OK) return true;
      sqlite3_int64 size = 0;
      unsigned char* bytes = sqlite3_serialize(db, step.text.c_str(), &size, 0);
      Digest digest;
      if (bytes != nullptr) digest.add(bytes, static_cast<std::size_t>(size));
      if (!spills_at_other_times(mode_) && !script_.uses_wal)
        transcript_.line("  serialized " + std::to_string(size) + " " + digest.text());
      sqlite3_free(bytes);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace warden::test
