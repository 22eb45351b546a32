# find_package(sqlite-warden): warden::vtab, the helpers for extensions, and warden::warden, for programs that are linked with
# warden. The latter only where it was built (by GCC).
include(${CMAKE_CURRENT_LIST_DIR}/sqlite-warden-vtab.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/sqlite-warden-linked.cmake OPTIONAL)
