// The C++ runtime's own prints the name of what nobody caught, and brings a demangler of 40 KB for it. Nothing is thrown
// through our callbacks, and what std::terminate does else stays the same. For warden.so alone: the runtime of a program that
// links warden is the program's.
#include <cstdlib>

namespace __gnu_cxx {
void __verbose_terminate_handler();
void __verbose_terminate_handler() { std::abort(); }
}  // namespace __gnu_cxx
