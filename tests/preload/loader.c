/* A program without SQLite that loads a module which has it: loader MODULE OPEN [deep]. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  const int deep = argc > 3 && strcmp(argv[3], "deep") == 0 ? RTLD_DEEPBIND : 0;
  void *module = argc > 2 ? dlopen(argv[1], RTLD_LAZY | deep) : NULL;
  int (*answer)(const char *) = NULL;
  if (module != NULL) *(void **)&answer = dlsym(module, "answer");
  if (answer == NULL) {
    printf("%s\n", dlerror());
    return 1;
  }
  printf("%d\n", answer(argv[2]));
  return 0;
}
