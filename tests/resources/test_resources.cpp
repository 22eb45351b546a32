// What a process can run out of, and what it can be forbidden: warden goes on with what is left, a row tells, and what comes
// back is used again. README.md, "When resources are gone", is the table of it. Each in a child.
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstddef>

#include "interposed.hpp"
#include "without.hpp"

namespace warden::test {
namespace {

/// From here on these system calls fail with EPERM.
void forbid(std::initializer_list<long> calls) {
  for (const long call : calls) {
    sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{4, rules};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
      throw std::runtime_error("no seccomp");
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(resources)

BOOST_AUTO_TEST_CASE(without_threads_all_else_works_a_row_tells_and_they_start_when_they_can_be_had) {
  const int status = in_child([] {
    no_threads = true;
    Db db;
    db.load();
    if (!says(db, "watchdog", "problem: the thread could not be started: Resource temporarily unavailable"))
      return 1;
    if (!works(db)) return 2;
    db.rows("SELECT warden_timeout(60000)");
    db.rows("SELECT count(*) FROM sqlite_schema");
    if (!says(db, "deadlines",
              "problem: 60000 ms for each statement of this connection; the thread could not be"))
      return 3;
    no_threads = false;
    if (db.one(kRunning) != "1") return 4;
    return eventually([&] { return says(db, "watchdog", "ok: ") && says(db, "deadlines", "ok: "); }) ? 0 : 5;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_deadline_that_began_without_its_thread_is_kept_once_that_can_be_had) {
  const int status = in_child([] {
    Db db;
    db.load().rows("SELECT warden_set('sample_interval_ms', 20)");
    if (db.one(kRunning) != "1") return 1;
    const Db busy;
    std::atomic<bool> go{false};
    std::string error;
    std::thread runs([&] {
      while (!go) std::this_thread::yield();
      error = busy.error(kForEver);
    });
    no_threads = true;
    busy.rows("SELECT warden_timeout(20)");
    go = true;
    const std::string active = "SELECT count(*) FROM warden_connections WHERE elapsed_ms > 100";
    if (!eventually([&] { return db.number(active) > 0; })) return 2;  // it is over time, and nobody ends it
    no_threads = false;
    ::alarm(30);
    runs.join();
    return error == "interrupted" ? 0 : 3;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(out_of_descriptors_the_budget_stands_rows_tell_and_all_is_read_again_later) {
  const int status = in_child([] {
    Db db;
    db.load().rows("SELECT warden_set('sample_interval_ms', 10)");
    const std::string budget = db.one("SELECT warden_get('memory_budget')");
    const std::string cgroup = check(db, "cgroup");
    const std::string pressure = check(db, "pressure");
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    limit(RLIMIT_NOFILE, 0);
    if (!says(db, "process memory", "problem: ") || !says(db, "process memory", "Too many open files"))
      return 1;
    const std::string warned =
        "SELECT count(*) FROM warden_events WHERE action = 'warn' AND reason = 'files can''t be read: Too "
        "many open "
        "files'";
    if (!eventually([&] { return db.number(warned) == 1; })) return 2;
    const std::string looks = "SELECT json_extract(warden_debug(), '$.watchdog_looks')";
    const std::int64_t looked = db.number(looks);
    // The thread begins anew meanwhile, so that its watch of memory pressure can't be had either.
    db.rows("SELECT warden_set('watchdog', 0)");
    if (!eventually([&] { return db.one(kRunning) == "0"; })) return 3;
    db.rows("SELECT warden_set('watchdog', 1)");
    if (!eventually([&] { return db.number(looks) > looked + 20; })) return 4;
    if (db.number(warned) != 1) return 5;  // not one for each look
    if (db.one("SELECT warden_get('memory_budget')") != budget) return 6;
    limit(RLIMIT_NOFILE, before.rlim_cur);
    if (!eventually([&] { return says(db, "process memory", "ok: "); })) return 7;
    if (!eventually([&] { return check(db, "pressure") == pressure; })) return 8;
    return check(db, "cgroup") == cgroup && db.one("SELECT warden_get('memory_budget')") == budget ? 0 : 9;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(loaded_without_descriptors_it_finds_memory_limit_and_cgroup_when_there_are_some) {
  const int found = in_child([] {
    Db db;
    return says(db.load(), "cgroup", "ok: ") ? 0 : 1;
  });
  const std::string here = found == 0 ? "ok: " : "limited: ";
  const int status = in_child([&] {
    Db plain;
    ::dlopen(WARDEN_SO, RTLD_NOW);  // loading itself needs one
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    limit(RLIMIT_NOFILE, 0);
    plain.load();
    if (!works(plain)) return 1;
    if (!says(plain, "memory budget", "limited: ")) return 2;
    limit(RLIMIT_NOFILE, before.rlim_cur);
    if (!eventually([&] { return says(plain, "memory budget", "ok: "); })) return 3;
    return eventually([&] { return says(plain, "cgroup", here); }) ? 0 : 4;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(without_proc_a_share_is_of_one_gibibyte_and_rows_tell) {
  const int status = in_child([] {
    if (!hide("/proc", "size=64k")) return kSkipped;
    Db db;
    db.load();
    if (!works(db)) return 1;
    if (!says(db, "process memory", "limited: /proc/self/statm can't be read")) return 2;
    if (!says(db, "cgroup", "limited: ") || !says(db, "memory budget", "limited: 256 MiB; what memory"))
      return 3;
    return db.one("SELECT warden_get('memory_budget')") == "268435456" ? 0 : 4;
  });
  report(status, "/proc can be hidden by root only");
}

BOOST_AUTO_TEST_CASE(with_a_small_stack_everything_works) {
  const int status = in_child([] {
    limit(RLIMIT_STACK, 256 * 1024);
    Db db;
    return works(db.load()) && db.one(kRunning) == "1" ? 0 : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(system_calls_that_are_forbidden_take_away_what_needs_them_and_nothing_else) {
  struct Forbidden {
    std::initializer_list<long> calls;
    const char* check;
    const char* says;
  };
  const std::initializer_list<long> threads{SYS_clone, SYS_clone3};
  const std::initializer_list<long> opening{SYS_openat, SYS_open};
  const std::initializer_list<long> asking{SYS_access, SYS_faccessat, SYS_newfstatat, SYS_poll};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  // Sanitizers end a program in which a new thread may not ask on which processors it runs.
  const std::initializer_list<long> rest{SYS_madvise, SYS_getrusage, SYS_sysinfo};
#else
  const std::initializer_list<long> rest{SYS_madvise, SYS_sched_getaffinity, SYS_getrusage, SYS_sysinfo};
#endif
  for (const Forbidden& one :
       {Forbidden{threads, "watchdog", "problem: the thread could not be started: Operation not"},
        Forbidden{opening, "process memory", "problem: files below /proc"},
        Forbidden{asking, "watchdog", "ok: "}, Forbidden{rest, "watchdog", "ok: "}}) {
    const int status = in_child([&] {
      ::dlopen(WARDEN_SO, RTLD_NOW);
      try {
        forbid(one.calls);
      } catch (const std::runtime_error&) {
        return kSkipped;
      }
      Db db;
      db.load();
      return !works(db) ? 1 : says(db, one.check, one.says) ? 0 : 2;
    });
    report(status, "no seccomp here");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
