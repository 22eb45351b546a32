// What the test programs include is prepared once, with this file (tests/CMakeLists.txt).
