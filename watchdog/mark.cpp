// The mark that other wardens find (others.hpp): an ELF note whose content is how far the mark is from it. An image has no
// other way to be found by what it holds. Not for the link-time optimizer, which may put the two into different files.
#include "others.hpp"

extern "C" {
extern warden::Mark warden_mark;
constinit __attribute__((used, visibility("hidden"))) warden::Mark warden_mark{1, nullptr};
}

asm(R"(
  .pushsection .note.sqlite_warden, "a", %note
  .balign 4
  .long 2f - 1f
  .long 4
  .long 1
1: .asciz "sqlite-warden"
2: .balign 4
  .long warden_mark - .
  .popsection
)");
