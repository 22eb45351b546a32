# ./run bench: sourced by ./run. The benchmarks, and DuckDB for the one that compares with it.

readonly kDuckdb=build/bench/duckdb # the program looks for it here
readonly kDuckdbVersion=1.5.6-r.1

# True if these arguments ask for the benchmark that needs DuckDB: by its name, or for all.
wants_duckdb() {
  local names=''
  while (($#)); do
    case $1 in
      columns) return 0 ;;
      --list | --child) return 1 ;;
      --json | --jobs) (($# == 1)) || shift ;;
      -*) ;;
      *) names=1 ;;
    esac
    shift
  done
  [[ -z $names ]]
}

# DuckDB's package for Node.js, in the build directory. Without it the benchmark says so, and goes on.
install_duckdb() {
  [[ ! -e $kDuckdb/node_modules/@duckdb/node-api ]] || return 0
  command -v node >/dev/null && command -v npm >/dev/null || (install_packages nodejs npm) || return 0
  say "Installing DuckDB $kDuckdbVersion in $kDuckdb/"
  npm install --prefix "$kDuckdb" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
    "@duckdb/node-api@$kDuckdbVersion" || say "DuckDB can't be installed here."
}

bench() {
  install_packages "${kPackages[@]}" valgrind
  build release warden warden_bench
  ! wants_duckdb "$@" || install_duckdb
  exec build/bench/warden_bench "$@"
}
