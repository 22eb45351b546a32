// Limits that the kernel itself enforces: address space, processes of a user, a cgroup of this test's own. Each in a child;
// where one can't be set here, that is said.
#include <dlfcn.h>
#include <grp.h>
#include <malloc.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "cgroup.hpp"
#include "without.hpp"

namespace warden::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr const char* kNoThread =
    "problem: the thread could not be started: Resource temporarily unavailable";

std::int64_t address_space_bytes() {
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

/// A memory cgroup below the process's own, with the limit file of its version.
class OwnCgroup {
 public:
  OwnCgroup() {
    Cgroup here;
    here.locate(Files());
    directory_ = here.directory() + "/warden-test-" + std::to_string(::getpid());
    limit_file_ = directory_ + (here.version() == 1 ? "/memory.limit_in_bytes" : "/memory.high");
    usable_ = here.version() != 0 && ::mkdir(directory_.c_str(), 0755) == 0 &&
              ::access(limit_file_.c_str(), W_OK) == 0;
  }
  /// Whoever was in it has ended.
  ~OwnCgroup() { ::rmdir(directory_.c_str()); }
  OwnCgroup(const OwnCgroup&) = delete;
  OwnCgroup& operator=(const OwnCgroup&) = delete;

  const std::string& directory() const { return directory_; }
  bool enter() const { return usable_ && write(directory_ + "/cgroup.procs", ::getpid()); }
  /// False where the kernel refuses: v1 does as long as more is in use that it can't take away.
  bool set_limit(std::int64_t bytes) const { return write(limit_file_, bytes); }

 private:
  static bool write(const std::string& file, std::int64_t value) {
    std::ofstream out(file);
    out << value << std::flush;
    return out.good();
  }
  std::string directory_;
  std::string limit_file_;
  bool usable_ = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(kernel_limits)

BOOST_AUTO_TEST_CASE(without_address_space_for_a_thread_all_else_works_and_it_starts_when_there_is_some) {
  const int status = in_child([] {
    if (kSanitized) return kSkipped;
    const Db first;
    ::dlopen(WARDEN_SO, RTLD_NOW);
    // What the heap has is kept, and is enough for what follows; a stack of half a megabyte is not to be had.
    ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
    ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
    void* volatile much = ::malloc(16 << 20);
    ::free(much);
    limit(RLIMIT_AS, static_cast<rlim_t>(address_space_bytes() + (128 << 10)));
    Db db;
    db.load();
    if (!says(db, "watchdog", kNoThread)) return 1;
    db.rows("SELECT warden_set('trim', 'never'), warden_timeout(60000)");
    if (db.one(
            "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 50000) SELECT sum(i) FROM "
            "(SELECT i FROM c ORDER BY -i)") != "1250025000")
      return 2;
    if (!says(db, "deadlines",
              "problem: 60000 ms for each statement of this connection; the thread could not be"))
      return 3;
    limit(RLIMIT_AS, RLIM_INFINITY);
    if (!works(db)) return 4;
    return eventually([&] { return says(db, "watchdog", "ok: ") && says(db, "deadlines", "off: "); }) ||
                   says(db, "deadlines", "ok: ")
               ? 0
               : 5;
  });
  report(status, "sanitizers need address space without limit");
}

BOOST_AUTO_TEST_CASE(
    a_limit_of_address_space_is_what_a_share_is_of_and_beyond_it_is_out_of_memory_as_without_warden) {
  const int status = in_child([] {
    if (kSanitized) return kSkipped;
    const std::string large = "SELECT length(hex(zeroblob(300000000)))";
    const auto space = static_cast<rlim_t>(address_space_bytes() + (200 << 20));
    const int plain = in_child([&] {
      limit(RLIMIT_AS, space);
      const Db db;
      return db.error(large) == "out of memory" && sqlite3_extended_errcode(db.get()) == SQLITE_NOMEM ? 0 : 1;
    });
    if (plain != 0) return 1;
    Db db;
    db.load();
    const std::int64_t budget = db.number("SELECT warden_get('memory_budget')");
    // As a batch system sets it, while the process runs.
    limit(RLIMIT_AS, space);
    const std::int64_t quarter = static_cast<std::int64_t>(space) / 4;
    if (quarter >= budget) return kSkipped;  // a machine with less than a gigabyte
    if (!eventually([&] { return db.number("SELECT warden_get('memory_budget')") == quarter; })) return 2;
    if (!says(db, "memory budget", ", which is the limit of ulimit")) return 3;
    if (!eventually([&] {
          return db.number(
                     "SELECT count(*) FROM warden_events WHERE action = 'limit' AND reason = 'memory limit' "
                     "AND threshold_bytes = " +
                     std::to_string(quarter)) == 1;
        }))
      return 4;
    if (db.error(large) != "out of memory" || sqlite3_extended_errcode(db.get()) != SQLITE_NOMEM) return 5;
    if (!works(db) || db.one(kRunning) != "1") return 6;
    limit(RLIMIT_AS, RLIM_INFINITY);
    return eventually([&] { return db.number("SELECT warden_get('memory_budget')") == budget; }) &&
                   db.one(large) == "600000000"
               ? 0
               : 7;
  });
  report(status, "sanitizers need address space without limit");
}

BOOST_AUTO_TEST_CASE(a_user_who_may_have_no_more_processes_gets_no_thread_and_all_else_works) {
  const int status = in_child([] {
    const Db first;
    ::dlopen(WARDEN_SO, RTLD_NOW);  // it may lie where that user can't read
    if (::geteuid() != 0) return kSkipped;
    constexpr uid_t kNobody = 65534;
    limit(RLIMIT_NPROC, 0);
    if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) return kSkipped;
    Db db;
    db.load();
    if (!says(db, "watchdog", kNoThread)) return 1;
    if (!works(db)) return 2;
    db.rows("SELECT warden_timeout(60000)");
    db.rows("SELECT count(*) FROM sqlite_schema");
    if (!says(db, "deadlines",
              "problem: 60000 ms for each statement of this connection; the thread could not be"))
      return 3;
    limit(RLIMIT_NPROC, RLIM_INFINITY);
    if (db.one(kRunning) != "1") return 4;
    return eventually([&] { return says(db, "watchdog", "ok: ") && says(db, "deadlines", "ok: "); }) ? 0 : 5;
  });
  report(status, "only root can become another user, who has such a limit");
}

BOOST_AUTO_TEST_CASE(a_cgroup_limit_lowered_below_what_is_in_use_is_made_room_for) {
  const TempDir dir;
  make_table(dir.file("t.db"), 60);
  const OwnCgroup cgroup;
  constexpr std::int64_t kMb = 1 << 20;
  const int status = in_child([&] {
    if (kSanitized || !cgroup.enter() || !cgroup.set_limit(1024 * kMb)) return kSkipped;
    Db db;
    db.load().rows(
        "SELECT warden_set('idle_grace_ms', 0), warden_set('idle_keep', '200MB'), "
        "warden_set('idle_release_ms', 0)");
    if (check(db, "cgroup").find(cgroup.directory() + ", limit 1") == std::string::npos) return 1;
    if (db.number("SELECT warden_get('memory_budget')") != 256 * kMb) return 2;
    const Db idle(dir.file("t.db"));
    idle.rows("PRAGMA cache_size = -100000; SELECT sum(length(x)) FROM t");
    const std::string held = "SELECT cache_bytes FROM warden_connections WHERE file LIKE '%t.db'";
    if (!eventually([&] { return db.number(held) > 50 * kMb; })) return 3;
    // Below what is in use; and where the kernel does not take that, to little more.
    std::int64_t limit = 48 * kMb;
    while (!cgroup.set_limit(limit)) limit += 8 * kMb;
    if (limit > 160 * kMb) return 4;
    if (!eventually([&] { return db.number("SELECT warden_get('memory_budget')") == limit / 4; })) return 5;
    if (!eventually([&] {
          return db.number(
                     "SELECT count(*) FROM warden_events WHERE action = 'limit' AND reason = 'memory limit' "
                     "AND threshold_bytes = " +
                     std::to_string(limit / 4)) == 1;
        }))
      return 6;
    if (!eventually([&] {
          return db.number(
                     "SELECT count(*) FROM warden_events WHERE action = 'release' AND event_id > (SELECT "
                     "max(event_id) FROM warden_events WHERE action = 'limit')") > 0 &&
                 db.number(held) < kMb;
        }))
      return 7;
    // What could not be had before can be now.
    return eventually([&] { return cgroup.set_limit(48 * kMb); }) && works(db) &&
                   idle.number("SELECT count(*) FROM t") == 60000
               ? 0
               : 8;
  });
  report(status, "no memory cgroup can be made here, or a sanitizer needs more than it would allow");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
