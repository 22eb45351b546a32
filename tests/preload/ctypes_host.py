# Asks the dynamic linker for SQLite's functions by name, as foreign function interfaces do.
import ctypes
import os

sqlite = ctypes.CDLL("libsqlite3.so.0")
sqlite.sqlite3_column_int.argtypes = [ctypes.c_void_p, ctypes.c_int]
sqlite.sqlite3_prepare_v2.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
sqlite.sqlite3_step.argtypes = [ctypes.c_void_p]
db = ctypes.c_void_p()
statement = ctypes.c_void_p()
assert sqlite.sqlite3_open(b":memory:", ctypes.byref(db)) == 0
assert sqlite.sqlite3_prepare_v2(db, os.environ["Q"].encode(), -1, ctypes.byref(statement), None) == 0
assert sqlite.sqlite3_step(statement) == 100
print(sqlite.sqlite3_column_int(statement, 0))
