# SQLite as the tests' host has it, compiled from the amalgamation in WARDEN_SQLITE_SOURCE with all its assertions and the
# sanitizers of this build: what warden does to it is then judged by SQLite itself.
enable_language(C)
add_library(warden_sqlite SHARED ${WARDEN_SQLITE_SOURCE}/sqlite3.c)
add_library(SQLite::SQLite3 ALIAS warden_sqlite)  # find_package() keeps it
set_target_properties(warden_sqlite PROPERTIES OUTPUT_NAME sqlite3 SOVERSION 0)
target_include_directories(warden_sqlite SYSTEM PUBLIC ${WARDEN_SQLITE_SOURCE})
file(STRINGS ${WARDEN_SQLITE_SOURCE}/options options REGEX "^SQLITE_")
target_compile_definitions(warden_sqlite PRIVATE ${options} SQLITE_DEBUG SQLITE_ENABLE_EXPENSIVE_ASSERT SQLITE_ENABLE_API_ARMOR)
# -O1 would take it two more minutes to compile.
target_compile_options(warden_sqlite PRIVATE -w -g1 -Og)
if(WARDEN_SANITIZE)
  # balance_nonroot() of 3.40 indexes one of two arrays, and GCC holds the index against the size of the smaller.
  target_compile_options(warden_sqlite PRIVATE -fsanitize=${WARDEN_SANITIZE} -fno-sanitize=object-size -fno-omit-frame-pointer)
  target_link_options(warden_sqlite PRIVATE -fsanitize=${WARDEN_SANITIZE})
endif()
target_link_libraries(warden_sqlite PRIVATE m ${CMAKE_DL_LIBS})
set(SQLITE3_INCLUDE_DIR ${WARDEN_SQLITE_SOURCE})
