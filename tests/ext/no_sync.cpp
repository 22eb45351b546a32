// No test loses power, so what tests write need not reach the disk: there are 50 000 calls to wait for otherwise, and on a slow
// disk an hour. In front of the C library's, as libsqlite3 calls them. What happens where they fail is tried by a file system
// of the tests' own (faults/faulty_vfs).
#include <unistd.h>

extern "C" {
__attribute__((visibility("default"))) int fsync(int) { return 0; }
__attribute__((visibility("default"))) int fdatasync(int) { return 0; }
}
