# ./run test --coverage: sourced by run_test.sh. All test programs and SQL scripts in a build that counts; which lines and
# branches of watchdog/ and ext/ they reached, and whether that is enough (tests/coverage/README.md).

readonly kCoveragePackages=(python3)
readonly kBranchesPercent=93

run_coverage() {
  install_packages "${kPackages[@]}" "${kCoveragePackages[@]}"
  cmake_flags=(-DWARDEN_WERROR=ON -DWARDEN_TESTS=ON -DWARDEN_BENCH=OFF -DWARDEN_DEMO=OFF)
  local programs
  mapfile -t programs < <(programs_of coverage)
  build coverage "${programs[@]}"
  find build-coverage -name '*.gcda' -delete
  run_lanes coverage build-coverage
  gate "SQL scripts" tests/sql/run_scripts.sh build-coverage/warden.so
  gate "examples of the documents" tests/sql/run_examples.sh build-coverage/warden.so
  say "Coverage (what is missing: build-coverage/not_covered.txt)"
  gate "coverage" tests/coverage/report.py build-coverage "$kBranchesPercent" tests/coverage/README.md
}
